//! The pair by `rumqttc`.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS, Transport};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::pair::{Pair, payload};

pub async fn start(pair: &Pair, url: &str, running: &mut JoinSet<Outcome<()>>) -> Outcome<()> {
    let port = url.rsplit(':').next().and_then(|rest| rest.trim_end_matches('/').parse().ok()).ok_or("a URL with a port")?;
    let client = |end: &str| {
        let mut options = MqttOptions::new(format!("{}-{end}", pair.name), url, port);
        options.set_transport(Transport::Ws).set_keep_alive(Duration::from_secs(30));
        AsyncClient::new(options, REQUESTS)
    };
    let (subscriber, events) = client("sub");
    let (confirmed, confirmation) = oneshot::channel();
    subscriber.subscribe(pair.topic.as_str(), QoS::AtMostOnce).await?;
    running.spawn(receive(pair.clone(), subscriber, events, confirmed));
    confirmation.await?;
    let (publisher, mut events) = client("pub");
    running.spawn(async move {
        loop {
            events.poll().await?;
        }
    });
    let sending = pair.clone();
    running.spawn(async move {
        let mut number = 0;
        loop {
            for _ in 0..sending.leave().await {
                publisher.publish(sending.topic.as_str(), QoS::AtMostOnce, false, payload(number)).await?;
                number += 1;
            }
        }
    });
    Ok(())
}

async fn receive(pair: Pair, client: AsyncClient, mut events: EventLoop, confirmed: oneshot::Sender<()>) -> Outcome<()> {
    let (_connection, mut confirmed) = (client, Some(confirmed));
    loop {
        match events.poll().await? {
            Event::Incoming(Packet::Publish(publish)) => pair.arrived(&publish.payload),
            Event::Incoming(Packet::SubAck(_)) => {
                if let Some(confirmed) = confirmed.take() {
                    let _ = confirmed.send(());
                }
            }
            _ => {}
        }
    }
}

/// As many requests as may wait for the event loop.
const REQUESTS: usize = 1_000;
