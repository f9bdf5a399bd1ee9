//! Where clients come from, as far as limits tell one from another.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;

/// What counts as one address: an IPv4 address, or the 64 bits of an IPv6 address that one customer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(NonZeroU64);

/// Stands above an IPv4 address. No IPv6 network begins so: `::/8` is given to nobody. (RFC 4291, section 2.4)
const IPV4: u64 = 1 << 32;

impl Address {
    /// The address that is written as this number.
    pub(crate) fn from_number(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The address as a number, never 0: for where there is little room.
    pub(crate) fn number(self) -> u64 {
        self.0.get()
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        let number = match address.to_canonical() {
            IpAddr::V4(address) => IPV4 | u64::from(address.to_bits()),
            IpAddr::V6(address) => {
                let [network @ .., _, _, _, _, _, _, _, _] = address.octets();
                u64::from_be_bytes(network)
            }
        };
        // `::1` and what else is in its network.
        Self(NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN))
    }
}

/// An IPv4 address as it is, an IPv6 one as the network that it belongs to.
impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, low) = ((self.number() >> 32), (self.number() & u64::from(u32::MAX)));
        match (high, u32::try_from(low)) {
            (1, Ok(bits)) => Ipv4Addr::from_bits(bits).fmt(formatter),
            _ if *self == Self(NonZeroU64::MIN) => formatter.write_str("::/64"),
            _ => write!(formatter, "{}/64", Ipv6Addr::from_bits(u128::from(self.number()) << 64)),
        }
    }
}

/// Reads an IP address, IPv4 within IPv6 as what it is; `None` if it is none.
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn an_ipv6_address_counts_by_its_network() {
        for (one, other, are_one) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:0:0:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::1", "0.0.0.1", false),
            ("::1", "2001:db8::1", false),
        ] {
            assert_eq!(address(one) == address(other), are_one, "{one} and {other}");
        }
    }

    #[test]
    fn it_is_shown_as_what_counts() {
        for (text, shown) in [
            ("192.0.2.1", "192.0.2.1"),
            ("0.0.0.0", "0.0.0.0"),
            ("255.255.255.255", "255.255.255.255"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("::1", "::/64"),
        ] {
            assert_eq!(address(text).to_string(), shown);
            assert_eq!(Address::from_number(address(text).number()), Some(address(text)));
        }
    }
}
