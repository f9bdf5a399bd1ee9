//! Topic names and topic filters: what a message is published to, and what a subscription asks for.
//!
//! ```text
//! name    = level *( "/" level )                   level: any characters but NUL, "/", "+" and "#"; may be empty
//! filter  = flevel *( "/" flevel ) [ "/#" ] | "#"  flevel: a level, or "+" alone
//! shared  = "$share/" group "/" filter             group: at least one character, no "/", "+" or "#"
//! ```
//!
//! Text is parsed once, at the edge, into [`TopicName`] or [`TopicFilter`], which borrow it, or into their owned
//! twins [`TopicNameBuf`] and [`TopicFilterBuf`]. Whoever holds one of these types need not check again. Nothing is
//! ever normalised: two texts are the same topic if, and only if, their bytes are the same [MQTT-4.7.3-4].

use std::fmt;

use memchr::{memchr, memchr_iter};

/// The longest topic name or filter, in bytes: what MQTT's two-byte length can say [MQTT-4.7.3-3].
pub const TOPIC_LENGTH_MAX: usize = 65_535;

/// A validated topic name, borrowed: 1 to 65,535 bytes, without NUL, `+` and `#`.
///
/// [MQTT-4.7.3-1], [MQTT-4.7.3-2], [MQTT-4.7.3-3], [MQTT-3.3.2-2]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName<'a>(&'a str);

impl<'a> TopicName<'a> {
    /// Checks `text` in one pass.
    ///
    /// # Errors
    ///
    /// [`TopicError`] says which rule the text breaks.
    #[inline]
    pub fn parse(text: &'a str) -> Result<Self, TopicError> {
        if text.is_empty() || text.len() > TOPIC_LENGTH_MAX || has_nul_or_wildcard(text.as_bytes()) {
            return Err(name_error(text));
        }
        Ok(Self(text))
    }

    /// One that was a [`TopicName`] before, and has been kept as text since.
    #[inline]
    pub fn assume_valid(text: &'a str) -> Self {
        debug_assert!(Self::parse(text).is_ok(), "{text:?}");
        Self(text)
    }

    /// The text.
    #[inline]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The levels in order; `/a` has two, the first of them empty [MQTT50-U-4.7.3-1].
    pub fn levels(self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        self.0.split('/')
    }

    /// How many levels there are: one more than there are slashes.
    pub fn level_count(self) -> usize {
        level_count(self.0)
    }

    /// Whether the name belongs to the server's own, as `$SYS/…` does: filters that begin with a wildcard do not
    /// match it [MQTT-4.7.2-1].
    #[inline]
    pub fn starts_with_dollar(self) -> bool {
        self.0.as_bytes().first() == Some(&b'$')
    }

    /// The owned twin.
    pub fn to_buf(self) -> TopicNameBuf {
        TopicNameBuf(self.0.into())
    }
}

impl fmt::Display for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A validated topic name, owned: see [`TopicName`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicNameBuf(Box<str>);

impl TopicNameBuf {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    ///
    /// [`TopicError`] says which rule the text breaks.
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, TopicError> {
        let text = text.into();
        TopicName::parse(&text)?;
        Ok(Self(text))
    }

    /// The borrowed twin, without another check.
    #[inline]
    pub fn as_name(&self) -> TopicName<'_> {
        TopicName(&self.0)
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicNameBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A validated topic filter, borrowed: `a/+/#`, or `$share/{group}/{filter}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter<'a> {
    text: &'a str,
    /// Where the filter proper begins: 0, or behind `$share/{group}/`. It follows from the text; kept because it is
    /// asked for at every match.
    filter_start: u32,
}

impl<'a> TopicFilter<'a> {
    /// Checks `text` in one pass.
    ///
    /// # Errors
    ///
    /// [`TopicError`] says which rule the text breaks. `$share` with no group and filter behind it is an error and
    /// not an ordinary filter [MQTT-4.8.2-1], [MQTT-4.8.2-2].
    pub fn parse(text: &'a str) -> Result<Self, TopicError> {
        if text.is_empty() {
            return Err(TopicError::Empty);
        }
        if text.len() > TOPIC_LENGTH_MAX {
            return Err(TopicError::TooLong);
        }
        if memchr(0, text.as_bytes()).is_some() {
            return Err(TopicError::Nul);
        }
        let start = share_prefix_len(text)?;
        check_wildcards(&text.as_bytes()[start..])?;
        // The text is at most 65,535 bytes long, so this never saturates.
        Ok(Self { text, filter_start: u32::try_from(start).unwrap_or(u32::MAX) })
    }

    /// The whole text, with the `$share` prefix if there is one. UNSUBSCRIBE compares it byte by byte
    /// [MQTT-3.10.4-1].
    #[inline]
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// The group of a shared subscription.
    pub fn share_name(self) -> Option<&'a str> {
        let end = (self.filter_start as usize).checked_sub(1)?;
        self.text.get(SHARE_PREFIX.len()..end)
    }

    /// The filter that names are matched against: without the `$share/{group}/` prefix.
    #[inline]
    pub fn filter(self) -> &'a str {
        self.text.get(self.filter_start as usize..).unwrap_or_default()
    }

    /// The levels of [`filter`](Self::filter), in order.
    pub fn levels(self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        self.filter().split('/')
    }

    /// How many levels [`filter`](Self::filter) has.
    pub fn level_count(self) -> usize {
        level_count(self.filter())
    }

    /// Whether the filter can match more than one name.
    pub fn has_wildcard(self) -> bool {
        // A wildcard fills its level, so that none stands where it is none.
        self.filter().bytes().any(|byte| matches!(byte, b'+' | b'#'))
    }

    /// Whether `name` is one that this filter asks for.
    ///
    /// `+` stands for one level, also an empty one [MQTT50-U-4.7.1.3-1]; `#` for the parent and everything below it
    /// [MQTT50-U-4.7.1.2-1]. A filter that begins with a wildcard matches no name that begins with `$`
    /// [MQTT-4.7.2-1].
    pub fn matches(self, name: TopicName<'_>) -> bool {
        let filter = self.filter().as_bytes();
        if name.starts_with_dollar() && matches!(filter.first(), Some(b'+' | b'#')) {
            return false;
        }
        let name = name.0.as_bytes();
        // Most filters have no wildcard.
        filter == name || bytes_match(filter, name)
    }

    /// The owned twin.
    pub fn to_buf(self) -> TopicFilterBuf {
        TopicFilterBuf(self.text.into())
    }
}

impl fmt::Display for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// A validated topic filter, owned: see [`TopicFilter`]. A broker keeps one for each subscription, so it is the text
/// and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilterBuf(Box<str>);

impl TopicFilterBuf {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    ///
    /// [`TopicError`] says which rule the text breaks.
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, TopicError> {
        let text = text.into();
        TopicFilter::parse(&text)?;
        Ok(Self(text))
    }

    /// The borrowed twin, without another check.
    #[inline]
    pub fn as_filter(&self) -> TopicFilter<'_> {
        // It was checked, so there is no error to see here.
        let start = share_prefix_len(&self.0).unwrap_or_default();
        TopicFilter { text: &self.0, filter_start: u32::try_from(start).unwrap_or(u32::MAX) }
    }

    /// The whole text, with the `$share` prefix if there is one.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicFilterBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no topic name or no topic filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TopicError {
    /// There is not one character [MQTT-4.7.3-1].
    #[error("a topic has at least one character [MQTT-4.7.3-1]")]
    Empty,
    /// There are more than [`TOPIC_LENGTH_MAX`] bytes [MQTT-4.7.3-3].
    #[error("a topic has at most 65535 bytes [MQTT-4.7.3-3]")]
    TooLong,
    /// The character U+0000 [MQTT-4.7.3-2].
    #[error("a topic does not contain U+0000 [MQTT-4.7.3-2]")]
    Nul,
    /// `+` or `#` in a topic name [MQTT-3.3.2-2].
    #[error("a topic name does not contain + or # [MQTT-3.3.2-2]")]
    WildcardInName,
    /// `+` that does not fill its level [MQTT-4.7.1-2], or `#` that does not fill the last one [MQTT-4.7.1-1].
    #[error("+ fills a whole level and # the last one [MQTT-4.7.1-1] [MQTT-4.7.1-2]")]
    MisplacedWildcard,
    /// A group that is empty or contains a wildcard [MQTT-4.8.2-1], [MQTT-4.8.2-2].
    #[error("the group of $share/group/filter has at least one character and no + or # [MQTT-4.8.2-1]")]
    BadShareName,
    /// A group with no filter behind it [MQTT-4.8.2-2].
    #[error("$share/group is followed by a slash and a filter [MQTT-4.8.2-2]")]
    EmptyShareFilter,
}

const SHARE_PREFIX: &str = "$share/";

/// Which rule a text breaks that is no topic name; off the fast path of [`TopicName::parse`].
#[cold]
fn name_error(text: &str) -> TopicError {
    if text.is_empty() {
        TopicError::Empty
    } else if text.len() > TOPIC_LENGTH_MAX {
        TopicError::TooLong
    } else if memchr(0, text.as_bytes()).is_some() {
        TopicError::Nul
    } else {
        TopicError::WildcardInName
    }
}

/// Whether NUL, `+` or `#` is among the bytes. Every PUBLISH passes here, mostly with 10 to 40 bytes, so it looks at
/// eight at a time: a byte of `x` is zero exactly if `(x - 1) & !x` has the high bit of some byte set.
#[inline]
fn has_nul_or_wildcard(bytes: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    // `+` is 0x2B and `#` is 0x23: with bit 3 set they are the same byte, and no other byte becomes 0x2B.
    let suspects = |chunk: &[u8; 8]| {
        let word = u64::from_ne_bytes(*chunk);
        zeros(word) | zeros((word | (ONES << 3)) ^ (ONES * 0x2B))
    };

    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().any(|&byte| byte == 0 || byte | 0x08 == 0x2B);
    };
    // The last eight bytes overlap the ones before them; looking twice is cheaper than a loop over a remainder.
    let (chunks, _) = bytes.as_chunks::<8>();
    chunks.iter().fold(suspects(last), |found, chunk| found | suspects(chunk)) != 0
}

fn level_count(text: &str) -> usize {
    memchr_iter(b'/', text.as_bytes()).count() + 1
}

/// The length of `$share/{group}/`, or 0 if the filter is not shared.
fn share_prefix_len(text: &str) -> Result<usize, TopicError> {
    let Some(rest) = text.strip_prefix(SHARE_PREFIX) else {
        return if text == "$share" { Err(TopicError::BadShareName) } else { Ok(0) };
    };
    let (group, filter) = match rest.split_once('/') {
        Some((group, filter)) => (group, filter),
        None => (rest, ""),
    };
    if group.is_empty() || group.contains(['+', '#']) {
        return Err(TopicError::BadShareName);
    }
    if filter.is_empty() {
        return Err(TopicError::EmptyShareFilter);
    }
    Ok(SHARE_PREFIX.len() + group.len() + 1)
}

/// Wildcards fill a whole level, and `#` the last one.
fn check_wildcards(filter: &[u8]) -> Result<(), TopicError> {
    for (at, &byte) in filter.iter().enumerate() {
        let is_first = || at == 0 || filter[at - 1] == b'/';
        let ok = match (byte, filter.get(at + 1)) {
            (b'#', next) => is_first() && next.is_none(),
            (b'+', next) => is_first() && matches!(next, None | Some(b'/')),
            _ => true,
        };
        if !ok {
            return Err(TopicError::MisplacedWildcard);
        }
    }
    Ok(())
}

/// Matches the text up to each wildcard as a whole. Wildcards fill whole levels (checked at parsing), so what precedes
/// one ends with a slash, and a level never has to be cut out of the filter.
fn bytes_match(filter: &[u8], name: &[u8]) -> bool {
    let (mut filter, mut name) = (filter, name);
    while let Some(at) = filter.iter().position(|&byte| byte == b'+' || byte == b'#') {
        let (text, wildcard) = filter.split_at(at);
        let Some(rest) = name.strip_prefix(text) else {
            // `sport/#` still matches `sport`.
            return *wildcard == *b"#" && text.strip_suffix(b"/") == Some(name);
        };
        if wildcard[0] == b'#' {
            return true;
        }
        filter = &wildcard[1..];
        name = &rest[rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len())..];
    }
    filter == name
}
