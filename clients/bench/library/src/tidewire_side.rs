//! The pair by `tidewire-client`.

use tidewire_client::{Message, Options, Protocol, Qos, Reconnect, Subscription, connect};
use tokio::task::JoinSet;

use crate::Outcome;
use crate::pair::{Pair, payload};

pub async fn start(pair: &Pair, url: &str, running: &mut JoinSet<Outcome<()>>) -> Outcome<()> {
    let options = |end: &str| {
        Options::default()
            .with_protocol(Protocol::Mqtt311)
            .with_client_id(format!("{}-{end}", pair.name))
            .with_reconnect(Reconnect::never())
    };
    let subscriber = connect(&url.parse()?, options("sub")).await?;
    let mut messages = subscriber.subscribe(Subscription::new(pair.topic.as_str(), Qos::AtMostOnce)).await?;
    let publisher = connect(&url.parse()?, options("pub")).await?;
    let receiving = pair.clone();
    running.spawn(async move {
        let _connection = subscriber;
        while let Some(message) = messages.next().await {
            receiving.arrived(&message.payload);
        }
        Err("the subscriber's connection ended".into())
    });
    let sending = pair.clone();
    running.spawn(async move {
        let mut number = 0;
        loop {
            for _ in 0..sending.leave().await {
                publisher.publish(Message::new(sending.topic.as_str(), payload(number))).await?;
                number += 1;
            }
        }
    });
    Ok(())
}
