//! MQTT 5.0 and 3.1.1.

mod attributes;
mod grant;
mod keep_alive;
mod options;
mod session;

use std::time::Instant;

use bytes::BytesMut;
pub use tidewire_protocols::mqtt::Version;
use tidewire_protocols::mqtt::{
    ConnAck, Decoded, PACKET_SIZE_MAX, Packet, Properties, Property, ReasonCode, decode,
};
use tokio::time::timeout;

use self::grant::Grant;
pub use self::options::{Options, Will};
use self::session::Session;
use crate::client::{Client, Messages, Welcome, halves};
use crate::connection;
use crate::error::Error;
use crate::transport::{Chunk, Driven, Protocol, Transport};
use crate::url::Url;

/// Connects to a broker and waits for its CONNACK. To be called inside a tokio runtime, which then runs the connection.
///
/// # Errors
///
/// Nobody is there, something else is there, or the broker does not want this client.
pub async fn connect(url: &Url, options: Options) -> Result<(Client, Messages), Error> {
    let Some(packet) = options.connect_packet() else {
        return Err(Error::Invalid(
            "client id, user name, password and will have at most 65535 bytes each, and before MQTT 5 a password \
             needs a user name"
                .to_owned(),
        ));
    };
    let handshake = async {
        let mut transport = Transport::connect(url, Protocol::Mqtt).await?;
        transport.queue(Chunk::binary(packet));
        let mut input = BytesMut::new();
        let grant = welcome(url, &mut transport, &mut input, &options).await?;
        Ok((transport, input, grant))
    };
    let (transport, input, grant) = timeout(options.connect_timeout, handshake)
        .await
        .map_err(|_| Error::TimedOut { url: url.clone(), timeout: options.connect_timeout })??;
    let welcome = Welcome { client_id: grant.client_id.clone(), session_present: grant.session_present };
    let session = Session::new(options.version, grant, Instant::now());
    Ok(halves(connection::spawn(session, transport, input), welcome))
}

/// Waits for the CONNACK, and leaves what comes after it in `input`.
async fn welcome(
    url: &Url,
    transport: &mut Transport,
    input: &mut BytesMut,
    options: &Options,
) -> Result<Grant, Error> {
    let foreign = |detail: String| Error::Foreign { url: url.clone(), protocol: "MQTT", detail };
    loop {
        match decode(options.version, PACKET_SIZE_MAX, input).map_err(|error| foreign(error.to_string()))? {
            Decoded::Packet { packet: Packet::ConnAck(packet), size } => {
                let grant = accepted(&packet, options)?;
                let _ = input.split_to(size);
                return Ok(grant);
            }
            Decoded::Packet { packet, .. } => {
                return Err(Error::Protocol(format!("{} before CONNACK", packet.packet_type().name())));
            }
            Decoded::Incomplete { .. } => {}
        }
        if transport.drive(Some(input)).await.map_err(|error| Error::lost(&error))? == Driven::Ended {
            // Before MQTT 5 a refusal may have no words [MQTT-3.2.2-6].
            return Err(Error::Refused("it closed the connection without an answer".to_owned()));
        }
    }
}

fn accepted(packet: &ConnAck<'_>, options: &Options) -> Result<Grant, Error> {
    match packet.reason {
        ReasonCode::Success => Ok(Grant::read(packet, options)),
        reason => Err(Error::Refused(explain(reason, packet.properties))),
    }
}

/// A reason code with the words that the broker adds to it.
fn explain(reason: ReasonCode, properties: Properties<'_>) -> String {
    let words = properties.iter().find_map(|property| match property {
        Property::ReasonString(words) => Some(words),
        _ => None,
    });
    match words {
        Some(words) => format!("{reason}: {words}"),
        None => reason.to_string(),
    }
}

fn malformed(error: &tidewire_protocols::mqtt::Error) -> Error {
    Error::Protocol(error.to_string())
}
