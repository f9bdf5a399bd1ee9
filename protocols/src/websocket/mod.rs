//! WebSocket as a server speaks it: bytes become data and control frames, and go back. (RFC 6455, RFC 7692)
//!
//! ```text
//! message = frame { frame }       text or binary first, then continuations; the last has FIN
//! frame   = head payload          control frames may come between the frames of a message
//! head    = FIN RSV1-3 opcode / MASK length [ length 16 | length 64 ] [ masking key ]
//! ```
//!
//! Frame heads are tungstenite's, but for those that most messages have; what they mean, and all that spans frames, is
//! decided here. A [`Decoder`] hands on
//! what a message holds as it arrives, unmasked, inflated and checked, without keeping it: for MQTT and STOMP a
//! WebSocket is a stream of bytes ([MQTT-6.0.0-2]), and what an incomplete packet needs is kept once, by its protocol.
//! So an idle connection holds no buffer, and a message of any size costs none.
//!
//! * [`Decoder`]: fragments, control frames, masks, UTF-8, limits
//! * [`encode_head`], [`close_frame`], [`encode_close`]: what a server sends
//! * [`deflate`]: permessage-deflate, with frames that many connections share
//! * [`Subprotocol`]: what `Sec-WebSocket-Protocol` may name

mod close;
mod decoder;
pub mod deflate;
mod error;
mod head;
mod mask;
mod subprotocol;
mod utf8;

pub use self::close::{Closing, encode_close, is_code_allowed};
pub use self::decoder::{Decoder, Event, MessageKind, Visit};
pub use self::error::DecodeError;
pub use self::head::{CONTROL_PAYLOAD_MAX, HEAD_ROOM, HEAD_SIZE_MAX, Opcode, close_frame, encode_head};
pub use self::subprotocol::Subprotocol;
