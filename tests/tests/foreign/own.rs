//! Our own client library among the clients of others.

use std::time::Duration;

use tidewire_client::{
    Client as Library, Message as Sent, Messages, Options, Protocol, Qos, Subscription, connect,
};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::client::Client;
use crate::driver::DEADLINE;
use crate::peer::{Message, Peer, Publication};

/// A client of the library, with a runtime of its own.
pub(crate) struct OwnPeer {
    runtime: Runtime,
    client: Library,
    messages: Messages,
}

impl OwnPeer {
    /// Connects and subscribes at QoS 2, and returns once the broker has confirmed it.
    pub(crate) fn subscribe(client: Client, url: &str, filter: &str) -> Self {
        let protocol = match client.version {
            "5" => Protocol::Mqtt5,
            "3.1.1" => Protocol::Mqtt311,
            _ => Protocol::Stomp,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let url = url.parse().expect("the broker has a URL");
        let (client, messages) = runtime.block_on(async {
            let client =
                connect(&url, Options::default().with_protocol(protocol)).await.expect("a client connects");
            let wanted = Subscription::new(filter, Qos::ExactlyOnce);
            let messages = client.subscribe(wanted).await.expect("a client subscribes");
            (client, messages)
        });
        Self { runtime, client, messages }
    }
}

impl Peer for OwnPeer {
    fn publish(&mut self, publication: &Publication) -> Result<(), String> {
        let qos = publication.qos.and_then(Qos::from_u8).unwrap_or(Qos::AtLeastOnce);
        let message = Sent::new(publication.topic.as_str(), publication.payload.bytes.clone());
        let message = message.with_qos(qos).with_retain(publication.retain);
        let published = async { timeout(DEADLINE, self.client.publish(message)).await };
        let published = self.runtime.block_on(published).map_err(|late| late.to_string())?;
        published.map_err(|error| error.to_string())
    }

    fn receive(&mut self) -> Result<Message, String> {
        let received = self.runtime.block_on(async { timeout(DEADLINE, self.messages.next()).await });
        let received = received.map_err(|late| format!("waited for a message: {late}"))?;
        let received = received.ok_or_else(|| format!("the stream ended: {:?}", self.messages.failure()))?;
        // It is acknowledged now, and not when the next one is asked for: others wait for that.
        self.messages.acknowledge();
        let qos = received.qos as u8;
        Ok(Message::new(&received.topic, &received.payload, qos, received.retain))
    }
}

impl Drop for OwnPeer {
    fn drop(&mut self) {
        // Fails where the broker has ended before.
        let _ =
            self.runtime.block_on(async { timeout(Duration::from_secs(5), self.client.disconnect()).await });
    }
}
