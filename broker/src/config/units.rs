//! Durations and sizes as people write them: `"10s"`, `"64KiB"`.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A duration, written `"250ms"`, `"10s"`, `"5m"`, `"2h"`, `"7d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A size in bytes, written `"512B"`, `"64KiB"`, `"1MiB"`, `"2GiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub usize);

const SPANS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];

impl Span {
    /// Whole seconds, the fraction dropped.
    pub fn secs(self) -> u32 {
        u32::try_from(self.0.as_secs()).unwrap_or(u32::MAX)
    }

    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        parse(text, &SPANS).map(|ms| Self(Duration::from_millis(ms)))
    }
}

impl Size {
    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        usize::try_from(parse(text, &SIZES)?).ok().map(Self)
    }
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit)?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn write(formatter: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let fits = |factor: u64| value.is_multiple_of(factor) && (value > 0 || factor == 1);
    let largest = units.iter().filter(|(_, factor)| fits(*factor)).max_by_key(|(_, factor)| *factor);
    let (unit, factor) = largest.copied().unwrap_or(("", 1));
    write!(formatter, "{}{unit}", value / factor)
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(formatter, u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), &SPANS)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(formatter, self.0 as u64, &SIZES)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct Reader<T> {
    parse: fn(&str) -> Option<T>,
    expected: &'static str,
}

impl<T> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a duration such as \"250ms\", \"10s\", \"5m\", \"2h\" or \"7d\"";
        deserializer.deserialize_str(Reader { parse: Self::parse, expected })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a size such as \"512B\", \"64KiB\", \"1MiB\" or \"2GiB\"";
        deserializer.deserialize_str(Reader { parse: Self::parse, expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for text in ["0ms", "250ms", "10s", "5m", "90s", "2h", "7d"] {
            assert_eq!(Span::parse(text).unwrap().to_string(), text);
        }
        for text in ["0B", "1B", "64KiB", "1MiB", "1536KiB", "2GiB"] {
            assert_eq!(Size::parse(text).unwrap().to_string(), text, "{text}");
        }
    }

    #[test]
    fn other_words_are_refused() {
        for text in
            ["", "10", "s", "10 s", "-1s", "1.5s", "10S", "99999999999999999999s", "20000000000000000d"]
        {
            assert_eq!(Span::parse(text), None, "{text}");
        }
        for text in ["64KB", "64K", "KiB", "17179869184GiB"] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
    }
}
