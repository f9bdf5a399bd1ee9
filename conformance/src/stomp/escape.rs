//! Header escapes, by version.

use super::Version;

pub(super) fn escape(text: &[u8], version: Version) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        match (byte, version) {
            (_, Version::V10) => escaped.push(*byte),
            (b'\\', _) => escaped.extend(b"\\\\"),
            (b'\n', _) => escaped.extend(b"\\n"),
            (b':', _) => escaped.extend(b"\\c"),
            (b'\r', Version::V12) => escaped.extend(b"\\r"),
            _ => escaped.push(*byte),
        }
    }
    escaped
}

pub(super) fn unescape(text: &[u8], version: Version) -> Result<Vec<u8>, String> {
    if version == Version::V10 {
        return Ok(text.to_vec());
    }
    let mut bytes = text.iter();
    let mut unescaped = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if *byte != b'\\' {
            unescaped.push(*byte);
            continue;
        }
        unescaped.push(match (bytes.next(), version) {
            (Some(b'\\'), _) => b'\\',
            (Some(b'n'), _) => b'\n',
            (Some(b'c'), _) => b':',
            (Some(b'r'), Version::V12) => b'\r',
            (Some(other), _) => return Err(format!("the escape \\{} is undefined", char::from(*other))),
            (None, _) => return Err("a header ends within an escape".to_owned()),
        });
    }
    Ok(unescaped)
}

#[cfg(test)]
mod tests {
    use super::{Version, escape, unescape};

    #[test]
    fn each_version_escapes_its_own_characters() {
        let text = b"a:b\\c\nd\re";
        assert_eq!(escape(text, Version::V12), b"a\\cb\\\\c\\nd\\re");
        assert_eq!(escape(text, Version::V11), b"a\\cb\\\\c\\nd\re");
        assert_eq!(escape(text, Version::V10), text);
        assert_eq!(unescape(b"a\\cb\\\\c\\nd\\re", Version::V12).unwrap(), text);
    }

    #[test]
    fn other_escapes_are_errors() {
        assert!(unescape(b"a\\t", Version::V12).is_err());
        assert!(unescape(b"a\\r", Version::V11).is_err());
        assert!(unescape(b"a\\", Version::V12).is_err());
        assert_eq!(unescape(b"a\\t", Version::V10).unwrap(), b"a\\t");
    }
}
