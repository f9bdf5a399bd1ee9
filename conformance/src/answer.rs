//! What came from the broker, in one form for packets and frames, and how it is compared with a case.

use std::fmt;

use crate::case::{Field, Template, Value};
use crate::filled::bytes_of;
use crate::variables::{Datum, Variables, quoted};

/// A decoded packet or frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `CONNACK`, `MESSAGE`, …
    pub kind: &'static str,
    /// The fields that the kind always has, in wire order.
    pub fields: Vec<(String, Datum)>,
    /// MQTT 5's properties or STOMP's headers, in wire order.
    pub properties: Vec<(String, Datum)>,
}

impl Answer {
    /// The number in a field or property.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.all(name).next() {
            Some(Datum::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The bytes in a field, property or header.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        match self.all(name).next() {
            Some(Datum::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a Datum> + use<'a, 'n> {
        self.fields
            .iter()
            .chain(&self.properties)
            .filter(move |(other, _)| other == name)
            .map(|(_, datum)| datum)
    }

    /// Compares with a case's template and binds its new variables.
    ///
    /// # Errors
    ///
    /// The first difference, in words. The variables are as before then.
    pub fn compare(&self, template: &Template, variables: &mut Variables) -> Result<(), String> {
        if self.kind != template.kind {
            return Err(format!("{} came instead of {}", self.kind, template.kind));
        }
        let mut bound = variables.clone();
        for (index, field) in template.fields.iter().enumerate() {
            // The second `user_property=` of a template is compared with the second one that came.
            let earlier = template.fields[..index].iter().filter(|other| other.name == field.name).count();
            let actual = self.all(&field.name).nth(earlier);
            if let Some(part) = self.part_of_payload(field) {
                self.holds(&bound.resolve(part).map(|part| bytes_of(&part)).unwrap_or_default())?;
                continue;
            }
            match (&field.value, actual) {
                (None, None) => {}
                (None, Some(actual)) => {
                    return Err(format!("{}={actual} came, it must be absent", field.name));
                }
                (Some(_), None) => return Err(format!("{} is missing", field.name)),
                (Some(expected), Some(actual)) => {
                    if !bound.matches(expected, actual) {
                        return Err(format!("{}={actual} is not what must come", field.name));
                    }
                }
            }
        }
        if template.exact {
            self.compare_exactly(template)?;
        }
        *variables = bound;
        Ok(())
    }

    /// `contains="…"` of a WebSocket message, which is about a part of its payload.
    fn part_of_payload<'f>(&self, field: &'f Field) -> Option<&'f Value> {
        field.value.as_ref().filter(|_| field.name == "contains" && matches!(self.kind, "TEXT" | "BINARY"))
    }

    fn holds(&self, part: &[u8]) -> Result<(), String> {
        let payload = self.bytes("payload").unwrap_or_default();
        match part.is_empty() || payload.windows(part.len()).any(|window| window == part) {
            true => Ok(()),
            false => Err(format!("payload={} does not contain {}", quoted(payload), quoted(part))),
        }
    }

    fn compare_exactly(&self, template: &Template) -> Result<(), String> {
        for (name, datum) in &self.properties {
            let listed = template.fields.iter().filter(|field| field.name == *name).count();
            if self.properties.iter().filter(|(other, _)| other == name).count() > listed {
                return Err(format!("{name}={datum} came, which is not listed"));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind)?;
        for (name, datum) in self.fields.iter().chain(&self.properties) {
            match datum {
                Datum::Number(code) if name == "reason" => write!(formatter, " {name}=0x{code:02x}")?,
                _ => write!(formatter, " {name}={datum}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Datum, Variables};
    use crate::case::{Field, Template, Value};

    fn answer() -> Answer {
        Answer {
            kind: "CONNACK",
            fields: vec![("reason".to_owned(), Datum::Number(0))],
            properties: vec![("receive_maximum".to_owned(), Datum::Number(20))],
        }
    }

    fn template(fields: &[(&str, Option<Value>)], exact: bool) -> Template {
        let fields = fields.iter().map(|(name, value)| Field {
            name: (*name).to_owned(),
            value: value.clone(),
            column: 1,
        });
        Template { kind: "CONNACK".to_owned(), fields: fields.collect(), exact, column: 1 }
    }

    fn compare(fields: &[(&str, Option<Value>)], exact: bool) -> Result<(), String> {
        answer().compare(&template(fields, exact), &mut Variables::default())
    }

    #[test]
    fn unlisted_properties_are_tolerated_unless_exact() {
        assert_eq!(compare(&[("reason", Some(Value::Number(0)))], false), Ok(()));
        let error = compare(&[("reason", Some(Value::Number(0)))], true).unwrap_err();
        assert_eq!(error, "receive_maximum=20 came, which is not listed");
        assert_eq!(compare(&[("receive_maximum", Some(Value::Any))], true), Ok(()));
    }

    #[test]
    fn differences_are_said_in_words() {
        let wrong = compare(&[("reason", Some(Value::Number(0x82)))], false).unwrap_err();
        assert_eq!(wrong, "reason=0 is not what must come");
        assert_eq!(
            compare(&[("receive_maximum", None)], false).unwrap_err(),
            "receive_maximum=20 came, it must be absent"
        );
        assert_eq!(
            compare(&[("topic_alias_maximum", Some(Value::Any))], false).unwrap_err(),
            "topic_alias_maximum is missing"
        );
    }
}
