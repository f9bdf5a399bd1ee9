//! A template whose variables have been filled in: what is about to be encoded.

use crate::case::{Field, Template};
use crate::variables::{Datum, Variables};

/// A packet or frame by its fields, ready for an encoder.
#[derive(Clone, Debug)]
pub struct Filled {
    /// `CONNECT`, `SEND`, …
    pub kind: String,
    /// In the order of the case; none: the case says that the field is left out.
    pub fields: Vec<(String, Option<Datum>)>,
}

impl Filled {
    /// Fills in the variables.
    pub fn new(template: &Template, variables: &Variables) -> Filled {
        Filled { kind: template.kind.clone(), ..Filled::of_fields(&template.fields, variables) }
    }

    /// The same for fields that belong to no packet or frame.
    pub fn of_fields(fields: &[Field], variables: &Variables) -> Filled {
        let fields = fields.iter().map(|field| {
            (field.name.clone(), field.value.as_ref().and_then(|value| variables.resolve(value)))
        });
        Filled { kind: String::new(), fields: fields.collect() }
    }

    /// Adds a field unless the case has it or leaves it out.
    pub fn or_default(&mut self, name: &str, value: Datum) {
        if !self.fields.iter().any(|(other, _)| other == name) {
            self.fields.push((name.to_owned(), Some(value)));
        }
    }

    /// The first value of that name.
    pub fn value(&self, name: &str) -> Option<&Datum> {
        self.fields.iter().find(|(other, _)| other == name).and_then(|(_, value)| value.as_ref())
    }

    /// Whether the case leaves the field out.
    pub fn omits(&self, name: &str) -> bool {
        self.fields.iter().any(|(other, value)| other == name && value.is_none())
    }

    /// A numeric field.
    ///
    /// # Errors
    ///
    /// When the case gives something else.
    pub fn number(&self, name: &str) -> Result<Option<u64>, String> {
        match self.value(name) {
            None => Ok(None),
            Some(Datum::Number(number)) => Ok(Some(*number)),
            Some(other) => Err(format!("{} field {name} is a number, not {other}", self.kind)),
        }
    }

    /// A field of text or bytes.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.value(name).map(bytes_of)
    }
}

/// The bytes of a value; a number is written in decimal.
pub fn bytes_of(datum: &Datum) -> Vec<u8> {
    match datum {
        Datum::Bytes(bytes) => bytes.clone(),
        other => other.to_string().into_bytes(),
    }
}
