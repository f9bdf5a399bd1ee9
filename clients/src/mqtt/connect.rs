//! How a client introduces itself.

use std::time::Duration;

use bytes::BytesMut;
use tidewire_protocols::mqtt::{self, Connect, Packet, PropertiesBuf, Property, Version};

use super::attributes::{self, seconds};
use crate::error::Error;
use crate::options::{Login, Options, Proof};

/// Appends the CONNECT. `clean_start` and `client_id` are not always those of the options: a reconnect goes on with the
/// session, by the identifier that the broker may have chosen.
///
/// # Errors
///
/// [`Error::Invalid`] if its parts do not fit into one.
pub(super) fn encode(
    version: Version,
    options: &Options,
    login: &Login,
    client_id: &str,
    clean_start: bool,
    out: &mut BytesMut,
) -> Result<(), Error> {
    let mut will_properties = PropertiesBuf::default();
    if let Some(will) = &options.mqtt.will {
        attributes::write(&will.message.properties, &mut will_properties).ok_or_else(misfit)?;
        if !will.delay.is_zero() {
            will_properties.push(Property::WillDelayInterval(seconds(will.delay)));
        }
    }
    let properties = properties(version, options, login).ok_or_else(misfit)?;
    let (user_name, password) = credentials(version, login);
    let packet = Packet::Connect(Connect {
        version,
        clean_start,
        keep_alive: keep_alive_seconds(options.keep_alive),
        properties: properties.as_properties(),
        client_id,
        will: options.mqtt.will.as_ref().map(|will| mqtt::Will {
            qos: will.message.qos,
            retain: will.message.retain,
            properties: will_properties.as_properties(),
            topic: &will.message.topic,
            payload: &will.message.payload,
        }),
        user_name,
        password,
    });
    if !packet.is_encodable(version) {
        return Err(misfit());
    }
    packet.encode(version, out);
    Ok(())
}

/// The keep alive that CONNECT asks for.
pub(super) fn keep_alive(options: &Options) -> Duration {
    Duration::from_secs(keep_alive_seconds(options.keep_alive).into())
}

/// A fraction of a second counts as a whole one, so that it does not become "none".
fn keep_alive_seconds(keep_alive: Duration) -> u16 {
    u16::try_from(seconds(keep_alive)).unwrap_or(u16::MAX)
}

/// User name and password. Before MQTT 5 a password needs a user name [MQTT-3.1.2-22], if an empty one.
fn credentials(version: Version, login: &Login) -> (Option<&str>, Option<&[u8]>) {
    let user_name = login.user_name.as_deref();
    match &login.proof {
        Proof::Password(password) => (user_name, Some(password)),
        Proof::Token(token) => (user_name.or((!version.is_v5()).then_some("")), Some(token.as_bytes())),
        Proof::None | Proof::Bearer(_) | Proof::Authentication { .. } => (user_name, None),
    }
}

fn properties(version: Version, options: &Options, login: &Login) -> Option<PropertiesBuf> {
    let mut properties = PropertiesBuf::default();
    if !version.is_v5() {
        return Some(properties);
    }
    properties.push(Property::ReceiveMaximum(options.receive_maximum));
    if !options.mqtt.session_expiry.is_zero() {
        properties.push(Property::SessionExpiryInterval(seconds(options.mqtt.session_expiry)));
    }
    if let Proof::Authentication { method, data } = &login.proof {
        properties.push(Property::AuthenticationMethod(attributes::text(method)?));
        properties.push(Property::AuthenticationData(attributes::binary(data)?));
    }
    for (name, value) in &options.mqtt.user_properties {
        properties.push(Property::UserProperty(attributes::text(name)?, attributes::text(value)?));
    }
    Some(properties)
}

fn misfit() -> Error {
    Error::Invalid(
        "client id, user name, password, will and properties of CONNECT have at most 65535 bytes each, and before \
         MQTT 5 a password needs a user name"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use tidewire_protocols::mqtt::{Decoded, PACKET_SIZE_MAX, decode};

    use super::*;
    use crate::options::MqttOptions;

    /// What a broker reads: user name, password, session expiry.
    fn read(
        version: Version,
        login: &Login,
        mqtt: MqttOptions,
    ) -> (Option<String>, Option<Vec<u8>>, Option<u32>) {
        let (options, mut out) = (Options::default().with_mqtt(mqtt), BytesMut::new());
        encode(version, &options, login, "me", true, &mut out).unwrap();
        match decode(version, PACKET_SIZE_MAX, &out) {
            Ok(Decoded::Packet { packet: Packet::Connect(connect), .. }) => (
                connect.user_name.map(str::to_owned),
                connect.password.map(<[u8]>::to_vec),
                connect.properties.iter().find_map(|property| match property {
                    Property::SessionExpiryInterval(seconds) => Some(seconds),
                    _ => None,
                }),
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_stands_where_a_password_does() {
        let (name, secret) =
            (|name: &str| Some(name.to_owned()), |text: &str| Some(text.as_bytes().to_vec()));
        for (version, login, seen) in [
            (Version::V5, Login::anonymous(), (None, None)),
            (Version::V5, Login::password("ann", "pencil"), (name("ann"), secret("pencil"))),
            (Version::V5, Login::token("t"), (None, secret("t"))),
            (Version::V311, Login::token("t"), (name(""), secret("t"))),
            (Version::V311, Login::token("t").with_user_name("ann"), (name("ann"), secret("t"))),
            (Version::V5, Login::bearer("t"), (None, None)),
        ] {
            let (user_name, password, _) = read(version, &login, MqttOptions::default());
            assert_eq!((user_name, password), seen, "{login:?} in {version}");
        }
    }

    #[test]
    fn an_expiry_is_whole_seconds_and_for_ever_is_the_highest() {
        for (expiry, seconds) in [
            (Duration::ZERO, None),
            (Duration::from_millis(1), Some(1)),
            (Duration::from_secs(60), Some(60)),
            (Duration::MAX, Some(u32::MAX)),
        ] {
            let mqtt = MqttOptions { session_expiry: expiry, ..MqttOptions::default() };
            assert_eq!(read(Version::V5, &Login::anonymous(), mqtt).2, seconds, "{expiry:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let long = "a".repeat(65_536);
        for login in [Login::password(long.clone(), ""), Login::authentication("m", long)] {
            let outcome = encode(Version::V5, &Options::default(), &login, "", true, &mut BytesMut::new());
            assert!(matches!(outcome, Err(Error::Invalid(_))), "{login:?}: {outcome:?}");
        }
    }
}
