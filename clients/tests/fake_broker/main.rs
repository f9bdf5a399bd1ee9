//! The client against a broker in the same process, which says and does what each test wants, and mostly in virtual
//! time: a wait of minutes takes none.

mod carriers;
mod chaos;
mod credentials;
mod delivery;
mod mqtt_peer;
mod peer;
mod reconnect;
mod resend;
mod stomp;

use std::time::Duration;

use tidewire_client::{Client, Error, Message, Messages, Options, Qos, Received, Reconnect, Url, connect};
use tokio::time::timeout;

use self::mqtt_peer::MqttPeer;
use self::peer::Broker;

/// Longer than anything a client does by itself, in virtual time.
const LONG: Duration = Duration::from_secs(3600);

/// Options by which a client reaches `broker` and comes back at once, or nearly.
fn options(broker: &Broker) -> Options {
    let soon = Reconnect::default().with_delays(Duration::from_millis(10), Duration::from_millis(10));
    Options::default().with_client_id("me").with_connector(broker.connector()).with_reconnect(soon)
}

/// A client whose connection the broker has accepted.
async fn enter(broker: &mut Broker, options: Options) -> (Client, MqttPeer) {
    let url = mqtt_url();
    let (client, peer) = tokio::join!(connect(&url, options), async {
        let mut peer = MqttPeer::new(broker.accept().await);
        peer.welcome(false).await;
        peer
    });
    (client.expect("the broker accepts"), peer)
}

fn mqtt_url() -> Url {
    "mqtt://broker".parse().expect("a URL")
}

fn qos_1(topic: &str, payload: &str) -> Message {
    Message::new(topic, payload.to_owned()).with_qos(Qos::AtLeastOnce)
}

async fn within<F: Future>(step: F) -> F::Output {
    timeout(LONG, step).await.expect("the step ends in time")
}

async fn next(messages: &mut Messages) -> Received {
    within(messages.next()).await.expect("the stream goes on")
}

/// The end that an error is, without its words.
fn kind(outcome: Result<(), Error>) -> String {
    match outcome {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("{error:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned(),
    }
}
