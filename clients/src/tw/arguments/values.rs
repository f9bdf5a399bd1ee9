//! Values of options: texts into types, each with the words for what is wrong with it.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use tidewire_client::Qos;
use tidewire_client::mqtt::Version;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// A name and its value, as in `colour=red`; the value may have further signs of equality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for Pair {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err("write it as name=value"),
        }
    }
}

/// `3.1.1` or `5`, and how mosquitto's programs spell them.
pub(crate) fn parse_version(text: &str) -> Result<Version, &'static str> {
    match text {
        "3.1.1" | "311" | "4" | "mqttv311" => Ok(Version::V311),
        "5" | "5.0" | "mqttv5" => Ok(Version::V5),
        _ => Err("the versions of MQTT are 3.1.1 and 5"),
    }
}

/// 0, 1 or 2.
pub(crate) fn parse_qos(text: &str) -> Result<Qos, &'static str> {
    text.parse().ok().and_then(Qos::from_u8).ok_or("QoS is 0, 1 or 2")
}

/// A number of messages, at least one.
pub(crate) fn parse_count(text: &str) -> Result<NonZeroU64, &'static str> {
    text.parse()
        .map_err(|_| "it wants a number of messages, from 1; for a session that persists: --persistent")
}

/// `5s`, `500ms`, `2m`, `1h`, `7d`; a number alone is seconds, as mosquitto's programs have it.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit_s = match &text[number.len()..] {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(DURATION),
    };
    // Anything that is no plain number, such as "1e9" or "inf", is refused before it is read as one.
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(DURATION);
    }
    let number: f64 = number.parse().map_err(|_| DURATION)?;
    Duration::try_from_secs_f64(number * unit_s).map_err(|_| DURATION)
}

/// The same, and not nothing.
pub(crate) fn parse_timeout(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text).and_then(|duration| match duration.is_zero() {
        true => Err("it has to be longer than nothing"),
        false => Ok(duration),
    })
}

const DURATION: &str = "write it as 500ms, 5s, 2m, 1h or 7d";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, duration) in [
            ("500ms", Ok(Duration::from_millis(500))),
            ("5s", Ok(Duration::from_secs(5))),
            ("5", Ok(Duration::from_secs(5))),
            ("1.5", Ok(Duration::from_millis(1500))),
            ("2m", Ok(Duration::from_secs(120))),
            ("1h", Ok(Duration::from_secs(3600))),
            ("7d", Ok(Duration::from_secs(7 * 86_400))),
            ("0", Ok(Duration::ZERO)),
            ("", Err(DURATION)),
            ("s", Err(DURATION)),
            ("-1s", Err(DURATION)),
            ("1e9", Err(DURATION)),
            ("inf", Err(DURATION)),
            ("1 s", Err(DURATION)),
            ("1y", Err(DURATION)),
            ("99999999999999999999d", Err(DURATION)),
        ] {
            assert_eq!(parse_duration(text), duration, "{text:?}");
        }
        assert!(parse_timeout("0ms").is_err());
    }

    #[test]
    fn pairs() {
        let pair = |name: &str, value: &str| Ok(Pair { name: name.to_owned(), value: value.to_owned() });
        for (text, parsed) in [
            ("a=b", pair("a", "b")),
            ("a=b=c", pair("a", "b=c")),
            ("a=", pair("a", "")),
            ("a", Err("write it as name=value")),
            ("=b", Err("write it as name=value")),
        ] {
            assert_eq!(text.parse(), parsed, "{text:?}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret: Secret = "pencil".parse().unwrap();
        assert!(!format!("{secret:?}").contains("pencil"));
    }
}
