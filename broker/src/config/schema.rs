//! The settings as a JSON Schema, by which editors complete and check a file, and of which the documents are made.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, schema_for};
use serde_json::Value;

use super::compression::{Compression, CompressionSettings};
use super::listener::Mode;
use super::proxies::TrustedProxy;
use super::{Config, Network, Size, Span};

/// The schema of a configuration file, in JSON Schema 2020-12. What a setting without a value comes to is `x-default` where
/// words say it.
pub fn schema() -> Value {
    schema_for!(Config).into()
}

/// Types that are written as one text.
macro_rules! text {
    ($($name:ident: $pattern:literal,)*) => {
        $(impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        })*
    };
}

text! {
    Span: "^[0-9]+(ms|s|m|h|d)$",
    Size: "^[0-9]+(B|KiB|MiB|GiB)$",
    Mode: "^[0-7]{3,4}$",
    Network: "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$",
    TrustedProxy: "^(unix|[0-9A-Fa-f.:]+(/[0-9]{1,3})?)$",
}

impl JsonSchema for Compression {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Compression".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let settings = generator.subschema_for::<CompressionSettings>();
        json_schema!({ "anyOf": [{ "type": "boolean" }, settings] })
    }
}
