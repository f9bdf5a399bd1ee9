//! The fields of a hash between its separators: numbers within bounds, and bytes in base64. Each knows where it
//! stands.

use std::ops::{Range, RangeInclusive};

use base64::Engine as _;
use base64::engine::GeneralPurpose;

use crate::auth::user_file::HashFault;

/// What salt and hash of one kind may be.
pub(super) struct Secrets {
    /// The kind, as errors name it.
    pub(super) kind: &'static str,
    pub(super) engine: GeneralPurpose,
    /// Bytes of a salt.
    pub(super) salt_bytes: RangeInclusive<usize>,
    /// Bytes of a hash.
    pub(super) hash_bytes: RangeInclusive<usize>,
}

impl Secrets {
    /// Reads both from their fields. Errors show neither: they may stand in each other's place.
    pub(super) fn read(&self, salt: Field<'_>, hash: Field<'_>) -> Result<(Vec<u8>, Vec<u8>), HashFault> {
        let wrong = |name, field: Field<'_>, lengths: &RangeInclusive<usize>| {
            let lengths = match (lengths.start(), lengths.end()) {
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            let text = format!("the {name} of {} must be {lengths} bytes in base64", self.kind);
            HashFault { at: field.range(), shown: salt.start, text }
        };
        let read = |name, field: Field<'_>, lengths: &RangeInclusive<usize>| {
            let bytes = self.engine.decode(field.text).ok().filter(|bytes| lengths.contains(&bytes.len()));
            bytes.ok_or_else(|| wrong(name, field, lengths))
        };
        Ok((read("salt", salt, &self.salt_bytes)?, read("hash", hash, &self.hash_bytes)?))
    }
}

/// A part of a hash, and where it begins in it.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    start: usize,
    text: &'a str,
}

impl<'a> Field<'a> {
    /// The whole of a hash.
    pub(super) fn whole(text: &'a str) -> Self {
        Self { start: 0, text }
    }

    /// What stands between `$` in the rest of a hash, in as many fields as `notation` says.
    pub(super) fn fields<const COUNT: usize>(self, notation: &str) -> Result<[Self; COUNT], HashFault> {
        self.split('$').ok_or_else(|| HashFault::secret(self.range(), notation))
    }

    /// Its parts between separators, as many as there have to be.
    pub(super) fn split<const COUNT: usize>(self, separator: char) -> Option<[Self; COUNT]> {
        let mut start = self.start;
        let parts = self.text.split(separator).map(|text| {
            let field = Field { start, text };
            start += text.len() + separator.len_utf8();
            field
        });
        // One more than there may be is enough to know that there are too many.
        parts.take(COUNT + 1).collect::<Vec<_>>().try_into().ok()
    }

    /// Whether it is this.
    pub(super) fn is(self, text: &str) -> bool {
        self.text == text
    }

    /// What stands behind `name` in a field that begins with it.
    pub(super) fn behind(self, name: &str) -> Option<Self> {
        let text = self.text.strip_prefix(name)?;
        Some(Self { start: self.start + name.len(), text })
    }

    /// A decimal number.
    pub(super) fn number(self, name: &str, bounds: RangeInclusive<u32>) -> Result<u32, HashFault> {
        let is_decimal = self.text.bytes().all(|byte| byte.is_ascii_digit());
        let number = self.text.parse().ok().filter(|number| is_decimal && bounds.contains(number));
        number.ok_or_else(|| {
            let (least, most) = bounds.into_inner();
            HashFault::public(self.range(), format!("{name} must be a number from {least} to {most}"))
        })
    }

    /// Where it stands in the hash.
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }
}
