//! MQTT 5.0 and 3.1.1.

mod attributes;
mod connect;
mod grant;
mod keep_alive;
mod session;

pub use tidewire_protocols::mqtt::Version;
use tidewire_protocols::mqtt::{Properties, PropertiesBuf, Property, ReasonCode};
use tidewire_protocols::topic::{TopicFilter, TopicName};

pub(crate) use self::session::Session;
use crate::error::Error;
use crate::message::Message;
use crate::options::{Options, Protocol};
use crate::subscription::Subscription;

/// What a message can be told before it is sent.
pub(crate) fn check_message(message: &Message) -> Result<(), Error> {
    let wrong = |why: String| Error::Invalid(format!("cannot publish to {:?}: {why}", message.topic));
    TopicName::parse(&message.topic).map_err(|error| wrong(error.to_string()))?;
    if message.properties.is_empty() {
        return Ok(());
    }
    attributes::write(&message.properties, &mut PropertiesBuf::default())
        .ok_or_else(|| wrong(UNWRITABLE.to_owned()))
}

/// The same of a subscription.
pub(crate) fn check_subscription(subscription: &Subscription) -> Result<(), Error> {
    let filter = &subscription.filter;
    match TopicFilter::parse(filter) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::Invalid(format!("cannot subscribe to {filter:?}: {error}"))),
    }
}

/// The same of options.
pub(crate) fn check_options(options: &Options, protocol: Protocol) -> Result<(), Error> {
    let is_nameless = options.client_id.is_empty() && !options.mqtt.clean_start;
    // [MQTT-3.1.3-8] of 3.1.1; in MQTT 5 it would be a session that nobody can come back to.
    if protocol != Protocol::Stomp && is_nameless {
        return Err(Error::Invalid("without a clean start there has to be a client id".to_owned()));
    }
    Ok(())
}

/// A reason code with the words that the broker adds to it.
fn explain(reason: ReasonCode, properties: Properties<'_>) -> String {
    let mut explained = reason.to_string();
    for property in properties {
        match property {
            Property::ReasonString(words) => explained = format!("{explained}: {words}"),
            Property::ServerReference(server) => explained = format!("{explained}: {server}"),
            _ => {}
        }
    }
    explained
}

/// Why the broker refuses or ends a connection; `otherwise` where its reason is of no special kind.
fn refusal(reason: ReasonCode, properties: Properties<'_>, otherwise: fn(String) -> Error) -> Error {
    let words = explain(reason, properties);
    match reason {
        ReasonCode::SessionTakenOver => Error::TakenOver,
        ReasonCode::BadUserNameOrPassword
        | ReasonCode::NotAuthorized
        | ReasonCode::BadAuthenticationMethod => Error::BadCredentials(words),
        ReasonCode::ServerUnavailable
        | ReasonCode::ServerBusy
        | ReasonCode::ServerShuttingDown
        | ReasonCode::QuotaExceeded
        | ReasonCode::ConnectionRateExceeded
        | ReasonCode::UnspecifiedError => Error::Busy(words),
        ReasonCode::Banned | ReasonCode::UseAnotherServer | ReasonCode::ServerMoved => Error::Refused(words),
        _ => otherwise(words),
    }
}

fn malformed(error: &tidewire_protocols::mqtt::Error) -> Error {
    Error::Protocol(error.to_string())
}

/// Why properties cannot be said.
const UNWRITABLE: &str =
    "a property is too long, contains U+0000, or is a response topic that is no topic name";
