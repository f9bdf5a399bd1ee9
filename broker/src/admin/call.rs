//! A request on its way to its endpoint: parameters of the path, the query and the body, each read into a type.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::access::Grant;
use super::answer::Refused;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// Names and values, decoded.
    parameters: Vec<(String, String)>,
    query: String,
    body: Bytes,
    /// Forms that the answer may have.
    accept: Option<String>,
    grant: Grant,
}

/// Up to here, a number with a fraction can tell every whole number from its neighbours.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Takes no argument at all. One that was passed over might be one that somebody relies on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// JSON has one kind of number: 5.0 is 5, and some libraries write it so.
fn write_whole_numbers_as_such(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(write_whole_numbers_as_such),
        Value::Object(members) => members.values_mut().for_each(write_whole_numbers_as_such),
        Value::Number(number) if !number.is_u64() => {
            let whole =
                number.as_f64().filter(|value| value.fract() == 0.0 && (0.0..WHOLE_MAX).contains(value));
            if let Some(whole) = whole {
                *value = (whole as u64).into();
            }
        }
        _ => {}
    }
}

impl Call {
    /// With the path's parameters as they were matched, that is, encoded.
    ///
    /// # Errors
    ///
    /// 400: a parameter is not UTF-8.
    pub(super) fn new<'p>(
        parameters: impl Iterator<Item = (&'p str, &'p str)>,
        query: Option<&str>,
    ) -> Result<Self, Refused> {
        let decoded = parameters.map(|(name, value)| {
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| bad(format!("{name} in the path is not UTF-8")))?;
            Ok((name.to_owned(), value.into_owned()))
        });
        let parameters = decoded.collect::<Result<_, Refused>>()?;
        Ok(Self { parameters, query: query.unwrap_or_default().to_owned(), ..Self::default() })
    }

    /// The same with a body.
    pub(super) fn with_body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    /// The same with what its headers say of the answer's form.
    pub(super) fn with_accept(self, headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        Self { accept: accept.map(str::to_owned), ..self }
    }

    /// The same by what whoever asks was let in.
    pub(super) fn with_grant(self, grant: Grant) -> Self {
        Self { grant, ..self }
    }

    /// By what whoever asks was let in: an answer that goes on after that is over has to end.
    pub(super) fn grant(&self) -> &Grant {
        &self.grant
    }

    /// What it says of the answer's form. (RFC 9110, section 12.5.1)
    pub(super) fn accept(&self) -> Option<&str> {
        self.accept.as_deref()
    }

    /// A parameter of the path. The route has it, so it is there.
    pub(super) fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// What the query says.
    ///
    /// # Errors
    ///
    /// 400: something is unknown, missing, or not of its form.
    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        // It would be passed over, as if it were not there.
        if self.query.split('&').any(|pair| ["limit", "limit="].contains(&pair)) {
            return Err(bad("the query: limit is a number"));
        }
        serde_html_form::from_str(&self.query).map_err(|error| bad(format!("the query: {error}")))
    }

    /// What the body says, in JSON; nothing counts as `{}`.
    ///
    /// # Errors
    ///
    /// 400: it is not JSON, or something is unknown, missing, or not of its form.
    pub(super) fn arguments<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        let body = if self.body.trim_ascii().is_empty() { b"{}" } else { self.body.as_ref() };
        // serde takes an array for an object whose fields come in that order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(bad("the body is no JSON object"));
        }
        // The first error is the one to tell: it has the place.
        serde_json::from_slice(body).or_else(|error| {
            let mut value = serde_json::from_slice(body).unwrap_or_default();
            write_whole_numbers_as_such(&mut value);
            serde_json::from_value(value).map_err(|_| bad(format!("the body: {error}")))
        })
    }

    /// Holds that the query says nothing.
    ///
    /// # Errors
    ///
    /// 400: it does.
    pub(super) fn has_no_query(&self) -> Result<(), Refused> {
        self.query::<Nothing>().map(|_| ())
    }

    /// Holds that neither the query nor the body says anything.
    ///
    /// # Errors
    ///
    /// 400: one does.
    pub(super) fn says_nothing(&self) -> Result<(), Refused> {
        self.has_no_query()?;
        let refused = |_| bad("this takes no arguments: send {} or nothing");
        self.arguments::<Nothing>().map(|_| ()).map_err(refused)
    }
}

/// Reads a field that may be left out, and is not null where it is there.
pub(super) fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// The request is not understood.
pub(super) fn bad(reason: impl Into<std::borrow::Cow<'static, str>>) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, reason)
}
