//! permessage-deflate. (RFC 7692)
//!
//! A message that is compressed consists of blocks, and blocks that do not look back beyond themselves can be put
//! together at will. So what many subscribers receive is deflated once ([`deflate`]), and each one's own bytes go before
//! it in stored blocks ([`encode_stored`]): no context is kept between messages, and none per connection.

mod extension;
mod inflate;
mod negotiate;
mod shared;

pub use self::extension::MalformedExtensions;
pub(super) use self::inflate::{Inflated, Inflater};
pub use self::negotiate::{Agreed, Policy, negotiate};
pub use self::shared::{Deflater, deflate, encode_stored, end_stored, stored_len};

/// What ends every compressed message and is not sent. (RFC 7692, section 7.2.1)
pub const TRAILER: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
