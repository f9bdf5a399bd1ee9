//! A message as a MESSAGE frame.

use bytes::{BufMut, BytesMut};
use tidewire_protocols::stomp::{Version, encode_header, encode_header_number, encode_number};

use super::serial::Serial;
use super::{Travel, headers};
use crate::config::Separator;
use crate::message::{Deflating, Encoded, LayoutKey, Publication};
use crate::output::Output;
use crate::session::DeliveryOptions;

/// What a frame's other headers take as a rule: message-id's number, destination's prefix, qos, content-length.
const HEADERS_BYTES: usize = 96;

/// How this connection's MESSAGE frames look.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) version: Version,
    pub(super) travel: Travel,
    pub(super) separator: Separator,
    /// Whether bodies are compressed.
    pub(super) deflating: Option<Deflating>,
}

/// What is one subscription's own in a MESSAGE frame.
#[derive(Clone, Copy)]
pub(super) struct Own<'o> {
    /// The frame's beginning, up to the serial number in `message-id`.
    pub(super) head: &'o [u8],
    /// Counts messages sent to the session.
    pub(super) serial: &'o Serial,
    /// Whether the client acknowledges.
    pub(super) is_acknowledged: bool,
}

impl Layout {
    /// Appends a MESSAGE frame: first the headers that are this subscription's own, then what all receivers share.
    #[inline]
    pub(super) fn write(
        self,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        own: Own<'_>,
        output: &mut Output,
    ) {
        let is_usual = !own.is_acknowledged && self.deflating.is_none() && options.claim().is_none();
        match is_usual && publication.is_fan_out() {
            true => self.write_one_of_many(publication, options, own, output),
            false => self.write_alone(publication, options, own, output),
        }
    }

    /// The same where nothing is the subscription's own but its frame's beginning, and the rest has been encoded.
    fn write_one_of_many(
        self,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        own: Own<'_>,
        output: &mut Output,
    ) {
        let Own { head, serial, .. } = own;
        let kind = self.travel.kind(publication.payload_is_utf8());
        let encode = || self.encode_shared(publication, options, true);
        publication.encoded(self.key(options), encode, |shared| {
            let size = head.len() + serial.len() + shared.bytes.len();
            output.append_message(self.travel.frames, kind, size, |out| {
                out.put_slice(head);
                serial.write(out);
                out.put_slice(&shared.bytes);
            });
        });
    }

    fn write_alone(
        self,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        own: Own<'_>,
        output: &mut Output,
    ) {
        let Own { head, serial, is_acknowledged } = own;
        let start = output.begin_message(self.travel.frames);
        let out = &mut output.bytes;
        // Of most frames, all; what is more makes its own room.
        let (topic, payload) = (publication.topic.as_str().len(), publication.payload.len());
        out.reserve(head.len() + topic + payload + HEADERS_BYTES);
        out.put_slice(head);
        serial.write(out);
        if is_acknowledged && self.version == Version::V12 {
            out.put_slice(b"ack:");
            encode_number(options.local.into(), out);
            out.put_u8(b'-');
            serial.write(out);
        }
        if let Some(claim) = options.claim().filter(|claim| claim.deliveries > 1) {
            encode_header(self.version, "redelivered", "true", out);
            encode_header_number("delivery-count", claim.deliveries.into(), out);
        }
        if let Some(blocks) = self.deflating.and_then(|deflating| publication.deflated(deflating)) {
            self.write_shared(publication, options, false, out);
            output.append_deflated(&blocks);
            output.bytes.put_u8(0);
        } else {
            self.write_shared(publication, options, true, out);
        }
        output.end_message(start, self.travel.kind(publication.payload_is_utf8()));
    }

    /// Appends what all receivers share, with or without the body and the NUL behind it; encoded once where there are
    /// several.
    fn write_shared(
        self,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        with_body: bool,
        out: &mut BytesMut,
    ) {
        if !publication.is_fan_out() {
            self.encode(publication, options, with_body, out);
            return;
        }
        let key = self.key(options);
        let key = if with_body { key } else { key.without_payload() };
        let encode = || self.encode_shared(publication, options, with_body);
        publication.encoded(key, encode, |shared| out.put_slice(&shared.bytes));
    }

    #[inline(never)]
    fn encode_shared(
        self,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        with_body: bool,
    ) -> Encoded {
        let mut bytes = BytesMut::new();
        self.encode(publication, options, with_body, &mut bytes);
        Encoded { bytes: bytes.into(), own_at: 0 }
    }

    fn encode(
        self,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        with_body: bool,
        out: &mut BytesMut,
    ) {
        let write = |out: &mut BytesMut| {
            headers::write(publication, options, self.version, self.separator, out);
        };
        let payload_len = publication.payload.len();
        let end = |out: &mut BytesMut| {
            encode_header_number("content-length", payload_len as u64, out);
            out.put_u8(b'\n');
        };
        match publication.heads {
            Some(heads) => heads.write(self.key(options), payload_len, write, end, out),
            None => {
                write(out);
                end(out);
            }
        }
        if with_body {
            out.put_slice(publication.payload);
            out.put_u8(0);
        }
    }

    fn key(self, options: &DeliveryOptions) -> LayoutKey {
        /// Keeps STOMP's layouts apart from MQTT's.
        const STOMP: u32 = 1 << 31;
        let version = match self.version {
            Version::V10 => 0,
            Version::V11 => 1,
            Version::V12 => 2,
        };
        LayoutKey(STOMP | version << 3 | u32::from(options.retain) << 2 | u32::from(options.qos.as_u8()))
    }
}
