//! The header by which a proxy says where a connection comes from. (HAProxy's PROXY protocol, versions 1 and 2)

use std::io;
use std::net::SocketAddr;

use bytes::BytesMut;
use proxy_header::{Error, ParseConfig, ProxyHeader};

use super::Raw;

/// Largest header, its type-length-values included: the specification wants receivers to take 536 bytes, and those of
/// cloud providers have some hundred.
const HEADER_BYTES_MAX: usize = 4096;
/// Bytes of a header of version 2 up to and with its length.
const FIXED_BYTES: usize = 16;

const CONFIG: ParseConfig = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };

/// Reads the header, and gives back what came behind it. Returns the address that it gives; none where the proxy
/// speaks for itself (LOCAL, as in health checks) or does not know (UNKNOWN).
///
/// # Errors
///
/// Why there is no header, in words for the log.
pub(super) async fn read_header(raw: &mut Raw) -> Result<Option<SocketAddr>, String> {
    let mut bytes = BytesMut::with_capacity(256);
    loop {
        if is_too_large(&bytes) {
            return Err(format!("the PROXY protocol header has more than {HEADER_BYTES_MAX} bytes"));
        }
        match ProxyHeader::parse(&bytes, CONFIG) {
            Ok((header, size)) => {
                let source = header.proxied_address().map(|address| address.source);
                let rest = bytes.split_off(size).freeze();
                raw.unread(rest);
                return Ok(source);
            }
            Err(Error::BufferTooShort) => {}
            Err(_) => {
                let what = super::first_bytes::describe(&bytes);
                return Err(format!(
                    "no PROXY protocol header came, which this listener wants (proxy_protocol), but {what}"
                ));
            }
        }
        let more = raw.read_more(&mut bytes).await.map_err(|error: io::Error| error.to_string())?;
        if !more {
            return Err("the connection ended before its PROXY protocol header did".to_owned());
        }
    }
}

/// Version 1 is bounded by its parser.
fn is_too_large(bytes: &[u8]) -> bool {
    let is_v2 = bytes.first() == Some(&b'\r') && bytes.len() >= FIXED_BYTES;
    is_v2 && FIXED_BYTES + usize::from(u16::from_be_bytes([bytes[14], bytes[15]])) > HEADER_BYTES_MAX
}
