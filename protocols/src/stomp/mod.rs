//! STOMP 1.0, 1.1 and 1.2: bytes become frames and go back again.
//!
//! ```text
//! stream  = *( EOL | frame )                      ; EOLs between frames are heart-beats
//! frame   = command EOL *( header EOL ) EOL body NUL
//! EOL     = LF                                    ; 1.0, 1.1
//!         | [CR] LF                               ; 1.2, and whatever comes before the version is agreed
//! header  = name ":" value
//! name    = 1*( octet but CR LF ":" NUL )         ; CR is an octet like others before 1.2
//! value   = *( octet but CR LF NUL )              ; a colon that is not escaped is taken as it is
//! escape  = "\n" | "\c" | "\\"                    ; 1.1; 1.0 has none
//!         | "\r"                                  ; 1.2 besides
//! body    = content-length octets                 ; where that header stands
//!         | *( octet but NUL )
//! ```
//!
//! [`Decoder`] turns what has arrived into [`Frame`]s that borrow from it. [`FrameWriter`] writes one frame,
//! [`encode_header`] one line. Between versions only lines and escapes differ; both follow [`Decoder::set_version`]
//! and the version that a writer is given. CONNECT, STOMP and CONNECTED are written and read without escapes in
//! every version, because they come before one is agreed (STOMP12-ENCODE-5, STOMP11-ENCODE-4).
//!
//! What the specifications leave open is decided so:
//!
//! * Values are never trimmed, in 1.0 neither (STOMP12-ENCODE-6, STOMP10-FRAME-3); only a `content-length` of a 1.0
//!   frame may have spaces around its number, as that specification's own examples have.
//! * An empty value is accepted in every version (out of 1.0's grammar, STOMP10-FRAME-4).
//! * A NUL ends a frame and so never stands in a header; a CR inside a 1.2 line is malformed.
//! * Between frames CR LF is skipped in every version.

mod body;
mod command;
mod decoder;
mod error;
mod escape;
mod frame;
mod head;
mod header;
mod heart_beat;
mod limits;
mod line;
mod user_header;
mod version;
mod writer;

pub use self::command::Command;
pub use self::decoder::{Decoded, Decoder};
pub use self::error::{Error, ErrorKind};
pub use self::frame::{Frame, encode_frame};
pub use self::header::{HeaderIter, Headers};
pub use self::heart_beat::HeartBeat;
pub use self::limits::Limits;
pub use self::user_header::{RESERVED_HEADERS, user_header, user_name};
pub use self::version::Version;
pub use self::writer::{FrameWriter, encode_header, encode_header_end, encode_header_number, encode_number};
