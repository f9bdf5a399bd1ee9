//! What is published: where the payload comes from, and what is said about it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tidewire_client::{Properties, Protocol};

use super::UsageError;
use super::values::{Pair, parse_duration};

/// One payload.
#[derive(Args, Debug, Default)]
#[group(multiple = false)]
pub(crate) struct PayloadArgs {
    /// The payload; `pub` and `request` read standard input where there is none.
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) message: Option<String>,
    /// A file with the payload.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Standard input is the payload, as one, as it is where no other is given.
    #[arg(short, long, hide_short_help = true)]
    pub(crate) stdin_file: bool,
    /// An empty payload.
    #[arg(short, long)]
    pub(crate) null_message: bool,
}

/// What is said about a payload.
#[derive(Args, Debug, Default)]
pub(crate) struct PropertyArgs {
    /// content-type=…, response-topic=…, or a name of your own; may be given again.
    ///
    /// content-type, response-topic, correlation-data, message-expiry-interval (seconds) and payload-format-indicator
    /// (1: the payload is text) are MQTT 5's, and in STOMP the headers that they correspond to. Every other name is a user
    /// property, or a header in STOMP.
    #[arg(long, value_name = "NAME=VALUE", hide_short_help = true)]
    property: Vec<Pair>,
    /// The same as mosquitto_pub has it: -D PUBLISH content-type text/plain, -D PUBLISH user-property k v.
    #[arg(
        short = 'D',
        num_args = 3..=4,
        value_names = ["PUBLISH", "NAME", "VALUE"],
        action = clap::ArgAction::Append,
        hide_short_help = true
    )]
    mosquitto_property: Vec<String>,
    /// A header in STOMP; may be given again.
    #[arg(long, value_name = "NAME=VALUE", hide_short_help = true)]
    header: Vec<Pair>,
    /// How long the message is of use, such as 10s or 2h [default: for ever].
    #[arg(long, value_name = "TIME", value_parser = parse_duration, hide_short_help = true)]
    expiry: Option<Duration>,
}

impl PropertyArgs {
    /// All of them together.
    ///
    /// # Errors
    ///
    /// A value is not of its property's kind, or the protocol has no such thing.
    pub(crate) fn properties(&self, protocol: Protocol) -> Result<Properties, UsageError> {
        let mut properties = Properties::default();
        for Pair { name, value } in &self.property {
            set(&mut properties, name, value)?;
        }
        self.set_mosquitto_properties(&mut properties)?;
        if !self.header.is_empty() && protocol != Protocol::Stomp {
            return UsageError::new("--header is STOMP's alone: MQTT 5 has --property");
        }
        for Pair { name, value } in &self.header {
            set_header(&mut properties, name, value)?;
        }
        properties.expiry = self.expiry.or(properties.expiry);
        match protocol == Protocol::Mqtt311 && properties != Properties::default() {
            true => UsageError::new("MQTT 3.1.1 has no properties and no expiry: leave out -V 3.1.1"),
            false => Ok(properties),
        }
    }

    /// Each begins with its packet, and only a user property has two values.
    fn set_mosquitto_properties(&self, properties: &mut Properties) -> Result<(), UsageError> {
        let mut rest = self.mosquitto_property.as_slice();
        while !rest.is_empty() {
            match rest {
                [packet, ..] if !packet.eq_ignore_ascii_case("publish") => {
                    return UsageError::new(format!(
                        "-D {packet}: of mosquitto's -D there is PUBLISH; the others are options: see --help-all"
                    ));
                }
                [_, name, key, value, tail @ ..] if name == USER_PROPERTY => {
                    properties.user.push((key.clone(), value.clone()));
                    rest = tail;
                }
                [_, name, value, tail @ ..] => {
                    set(properties, name, value)?;
                    rest = tail;
                }
                _ => {
                    return UsageError::new(
                        "-D: write -D PUBLISH NAME VALUE, or -D PUBLISH user-property NAME VALUE",
                    );
                }
            }
        }
        Ok(())
    }
}

/// By the names that mosquitto_pub has for them; any other is the user's own.
fn set(properties: &mut Properties, name: &str, value: &str) -> Result<(), UsageError> {
    match name {
        "content-type" => properties.content_type = Some(value.to_owned()),
        "response-topic" => properties.response_topic = Some(value.to_owned()),
        "correlation-data" => properties.correlation_data = Some(value.to_owned().into()),
        "message-expiry-interval" => match value.parse() {
            Ok(seconds) => properties.expiry = Some(Duration::from_secs(u32::into(seconds))),
            Err(_) => {
                return UsageError::new(format!("{name} is a number of seconds, and {value:?} is none"));
            }
        },
        "payload-format-indicator" => match value {
            "0" => properties.payload_is_text = false,
            "1" => properties.payload_is_text = true,
            _ => return UsageError::new(format!("{name} is 0, for bytes, or 1, for text")),
        },
        USER_PROPERTY => {
            return UsageError::new(format!("write --property NAME=VALUE without {USER_PROPERTY}"));
        }
        _ => properties.user.push((name.to_owned(), value.to_owned())),
    }
    Ok(())
}

/// STOMP's own names for what properties are.
fn set_header(properties: &mut Properties, name: &str, value: &str) -> Result<(), UsageError> {
    match name {
        "reply-to" => set(properties, "response-topic", value),
        "correlation-id" => set(properties, "correlation-data", value),
        "content-type" => set(properties, name, value),
        "destination" => UsageError::new("--header destination: that is -t"),
        "content-length" | "receipt" | "transaction" => {
            UsageError::new(format!("--header {name}: tw writes that one itself"))
        }
        _ => {
            properties.user.push((name.to_owned(), value.to_owned()));
            Ok(())
        }
    }
}

const USER_PROPERTY: &str = "user-property";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        properties: PropertyArgs,
    }

    fn read(line: &str, protocol: Protocol) -> Result<Properties, String> {
        let only = Only::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        only.properties.properties(protocol).map_err(|UsageError(wrong)| wrong)
    }

    #[test]
    fn known_names_are_properties_and_others_the_users() {
        for (line, shown) in [
            ("tw --property content-type=a/b", "content_type: Some(\"a/b\")"),
            ("tw --property response-topic=x", "response_topic: Some(\"x\")"),
            ("tw --property correlation-data=7", "correlation_data: Some(b\"7\")"),
            ("tw --property message-expiry-interval=60", "expiry: Some(60s)"),
            ("tw --expiry 2m", "expiry: Some(120s)"),
            ("tw --property payload-format-indicator=1", "payload_is_text: true"),
            ("tw --property k=1 --property k=2", "user: [(\"k\", \"1\"), (\"k\", \"2\")]"),
            ("tw -D PUBLISH content-type a -D publish user-property k v", "user: [(\"k\", \"v\")]"),
            ("tw -D PUBLISH user-property k v -D PUBLISH content-type a", "content_type: Some(\"a\")"),
            ("tw -D PUBLISH user-property content-type v", "user: [(\"content-type\", \"v\")]"),
        ] {
            let properties = format!("{:?}", read(line, Protocol::Mqtt5).expect(line));
            assert!(properties.contains(shown), "{line}: {properties}");
        }
        let headers = "tw --header reply-to=/queue/a --header correlation-id=7 --header priority=9";
        let properties = read(headers, Protocol::Stomp).unwrap();
        assert_eq!(properties.response_topic.as_deref(), Some("/queue/a"));
        assert_eq!(properties.correlation_data.as_deref(), Some(&b"7"[..]));
        assert_eq!(properties.user, [("priority".to_owned(), "9".to_owned())]);
    }

    #[test]
    fn what_is_wrong_with_one_is_told() {
        for (line, protocol, wrong) in [
            ("tw --property k", Protocol::Mqtt5, "name=value"),
            ("tw --property message-expiry-interval=soon", Protocol::Mqtt5, "number of seconds"),
            ("tw --property payload-format-indicator=2", Protocol::Mqtt5, "0, for bytes"),
            ("tw --property user-property=x", Protocol::Mqtt5, "without user-property"),
            ("tw -D CONNECT user-property k v", Protocol::Mqtt5, "there is PUBLISH"),
            ("tw -D PUBLISH user-property k", Protocol::Mqtt5, "without user-property"),
            ("tw -D PUBLISH content-type a b", Protocol::Mqtt5, "-D b"),
            ("tw --header a=b", Protocol::Mqtt5, "--property"),
            ("tw --header destination=/queue/a", Protocol::Stomp, "-t"),
            ("tw --header receipt=1", Protocol::Stomp, "itself"),
            ("tw --property k=v", Protocol::Mqtt311, "leave out -V 3.1.1"),
            ("tw --expiry 1s", Protocol::Mqtt311, "leave out -V 3.1.1"),
        ] {
            let said = read(line, protocol).expect_err(line);
            assert!(said.contains(wrong), "{line}: {said}");
        }
    }
}
