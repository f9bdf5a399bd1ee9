//! The text of a configuration file, with the place of everything that stands in it.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

use super::ConfigError;
use crate::excerpt::{describe, excerpt, place};

/// See the module.
pub(super) struct Document<'t> {
    name: &'t Path,
    text: &'t str,
    root: Spanned<DeTable<'t>>,
}

impl<'t> Document<'t> {
    /// Reads a file's bytes.
    ///
    /// # Errors
    ///
    /// Where they are no UTF-8, or no TOML.
    pub(super) fn parse(name: &'t Path, bytes: &'t [u8]) -> Result<Self, Vec<ConfigError>> {
        let text = str::from_utf8(bytes).map_err(|error| vec![not_utf8(name, bytes, error.valid_up_to())])?;
        let (root, errors) = DeTable::parse_recoverable(text);
        let document = Self { name, text, root };
        if errors.is_empty() {
            return Ok(document);
        }
        // Behind one fault the reader may stumble on for the rest of the line.
        let mut faults: Vec<ConfigError> = Vec::new();
        let mut last_line = None;
        for error in errors {
            let start = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text[..start].matches('\n').count();
            if last_line.replace(line) != Some(line) {
                faults.push(document.fault(error.span(), error.message()));
            }
        }
        Err(faults)
    }

    /// Reads it as a `T`.
    ///
    /// # Errors
    ///
    /// Every setting that cannot be read: each is taken out in turn, and the rest is read once more.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Vec<ConfigError>> {
        let mut root = self.root.clone();
        let mut faults: Vec<ConfigError> = Vec::new();
        let mut removed: Vec<String> = Vec::new();
        loop {
            let error = match T::deserialize(Deserializer::from(root.clone())) {
                Ok(value) if faults.is_empty() => return Ok(value),
                Ok(_) => return Err(faults),
                Err(error) => error,
            };
            let message = error.message();
            // What was taken out is missed where it has to be there, and that is no fault of the file's.
            let is_missed = removed.iter().any(|key| message.contains(&format!("missing field `{key}`")));
            if !is_missed {
                let fault = self.fault(error.span(), message);
                // A key that is misspelt is not missed besides.
                removed.extend(suggested(&fault.text).map(str::to_owned));
                faults.push(fault);
            }
            match error.span().and_then(|span| remove(root.get_mut(), &span)) {
                Some(key) => removed.push(key),
                None => return Err(faults),
            }
        }
    }

    /// The place of a key such as `listeners[1].tls.cert`, or of the innermost section around it that the file has.
    pub(super) fn locate(&self, key: &str, text: String) -> ConfigError {
        match self.find(key) {
            Some(span) => ConfigError { text: format!("{key}: {text}"), ..self.fault(Some(span), "") },
            None => ConfigError { place: format!("{}: {key}", self.name.display()), text, excerpt: None },
        }
    }

    /// Every key that has a value, with the line that it stands in, counted from 1.
    pub(super) fn keys(&self) -> Vec<(String, usize)> {
        let mut keys = Vec::new();
        gather_table(self.root.get_ref(), "", &mut |key, span| {
            keys.push((key, self.text[..span.start].matches('\n').count() + 1));
        });
        keys
    }

    /// Where the key stands, as far as the file has it.
    fn find(&self, key: &str) -> Option<Range<usize>> {
        let (mut table, mut found) = (self.root.get_ref(), None);
        for part in key.split('.') {
            let (name, index) = split_index(part);
            let Some((name, value)) = table.get_key_value(name) else { break };
            found = Some(name.span());
            let value = match (index, value.get_ref()) {
                (Some(index), DeValue::Array(list)) => {
                    let Some(element) = list.get(index) else { break };
                    found = Some(element.span());
                    element.get_ref()
                }
                (_, value) => value,
            };
            match value {
                DeValue::Table(inner) => table = inner,
                _ => break,
            }
        }
        found
    }

    fn fault(&self, span: Option<Range<usize>>, message: &str) -> ConfigError {
        let place = match &span {
            Some(span) => place(self.name, self.text, span.start),
            None => self.name.display().to_string(),
        };
        let excerpt = span.map(|span| excerpt(self.text, span));
        ConfigError { place, text: describe(message), excerpt }
    }
}

/// The key that was meant, where an unknown one is like it.
fn suggested(fault: &str) -> Option<&str> {
    fault.split_once("did you mean \"")?.1.split('"').next()
}

/// The name and the number of a key's part such as `listeners[1]`.
pub(super) fn split_index(part: &str) -> (&str, Option<usize>) {
    let split = part.strip_suffix(']').and_then(|part| part.split_once('['));
    match split.map(|(name, index)| (name, index.parse())) {
        Some((name, Ok(index))) => (name, Some(index)),
        _ => (part, None),
    }
}

/// Takes out what the span is in: the innermost entry of a table, or a table of a list. Returns its key.
fn remove(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let is_within = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let mut own = None;
    for (name, value) in table.iter_mut() {
        let deeper = match value.get_mut() {
            DeValue::Table(inner) => remove(inner, span),
            DeValue::Array(list) => remove_from_list(list, span),
            _ => None,
        };
        if deeper.is_some() {
            return deeper;
        }
        if is_within(name.span()) || is_within(value.span()) {
            own = Some(name.get_ref().to_string());
        }
    }
    let name = own?;
    table.remove(name.as_str())?;
    Some(name)
}

fn remove_from_list(list: &mut DeArray<'_>, span: &Range<usize>) -> Option<String> {
    let is_it = |element: &Spanned<DeValue<'_>>| {
        element.get_ref().is_table() && element.span().start <= span.start && span.end <= element.span().end
    };
    for element in list.iter_mut() {
        if let DeValue::Table(inner) = element.get_mut()
            && let Some(key) = remove(inner, span)
        {
            return Some(key);
        }
    }
    let position = list.iter().position(is_it)?;
    let rest = std::mem::replace(list, DeArray::new())
        .into_iter()
        .enumerate()
        .filter(|(index, _)| *index != position);
    rest.for_each(|(_, element)| list.push(element));
    Some(String::new())
}

fn gather_table(table: &DeTable<'_>, prefix: &str, found: &mut impl FnMut(String, Range<usize>)) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        gather_value(&key, name.span(), value.get_ref(), found);
    }
}

fn gather_value(
    key: &str,
    span: Range<usize>,
    value: &DeValue<'_>,
    found: &mut dyn FnMut(String, Range<usize>),
) {
    match value {
        DeValue::Table(inner) => gather_table(inner, &format!("{key}."), &mut |key, span| found(key, span)),
        DeValue::Array(list) if list.iter().any(|element| element.get_ref().is_table()) => {
            for (index, element) in list.iter().enumerate() {
                gather_value(&format!("{key}[{index}]"), element.span(), element.get_ref(), found);
            }
        }
        _ => found(key.to_owned(), span),
    }
}

/// Says where the first byte stands that belongs to no character.
fn not_utf8(name: &Path, bytes: &[u8], offset: usize) -> ConfigError {
    let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
    let excerpt = Some(excerpt(&text, offset..offset + char::REPLACEMENT_CHARACTER.len_utf8()));
    let byte = bytes.get(offset).copied().unwrap_or_default();
    let fault =
        format!("the byte 0x{byte:02X} is not UTF-8, which a configuration has to be: save it as such");
    ConfigError { place: place(name, &text, offset), text: fault, excerpt }
}
