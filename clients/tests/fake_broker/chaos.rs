//! Connections that break anywhere, by a seed: what was acknowledged has arrived, in its order, and the streams go on.

use std::time::Duration;

use tidewire_client::{Client, MqttOptions};
use tidewire_protocols::mqtt::{Packet, Qos, ReasonCode};
use tokio::task::JoinHandle;

use super::mqtt_peer::{MqttPeer, number};
use super::peer::Broker;
use super::{enter, next, options, qos_1, within};

const MESSAGES: u32 = 200;
const SEEDS: u64 = 40;

/// Publishes all, some at a time, and says which were acknowledged.
fn publisher(client: &Client) -> JoinHandle<Vec<u32>> {
    let client = client.clone();
    tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        for burst in (0..MESSAGES).step_by(10) {
            let mut underway = Vec::new();
            for message in burst..burst + 10 {
                underway
                    .push((message, client.send(qos_1("a", &message.to_string())).await.expect("it waits")));
            }
            for (message, acknowledgement) in underway {
                if acknowledgement.await.is_ok() {
                    acknowledged.push(message);
                }
            }
        }
        acknowledged
    })
}

/// One connection, until chance ends it or everything has come. Notes what arrives; `unacknowledged` is what was not
/// acknowledged on it.
async fn serve(
    mut peer: MqttPeer,
    random: &mut fastrand::Rng,
    arrived: &mut Vec<u32>,
    unacknowledged: &mut Vec<u16>,
) -> Option<MqttPeer> {
    unacknowledged.clear();
    // Pings count, or a client that waits for what is not acknowledged would wait for ever.
    for _ in 0..random.usize(1..60) {
        let heard = peer.hears_all().await;
        if heard == "PINGREQ" {
            peer.say(Packet::PingResp).await;
            continue;
        }
        let id = number(&heard);
        if heard.starts_with("SUBSCRIBE") {
            peer.sub_ack(id, ReasonCode::Success).await;
            continue;
        }
        let message: u32 = heard.rsplit_once(": ").and_then(|(_, text)| text.parse().ok()).expect("a number");
        arrived.push(message);
        match random.u8(..) > 40 {
            true => peer.pub_ack(id).await,
            false => unacknowledged.push(id),
        }
        if arrived.last() == Some(&(MESSAGES - 1)) {
            return Some(peer);
        }
    }
    None
}

#[tokio::test(start_paused = true)]
async fn what_is_acknowledged_has_arrived_in_order_wherever_connections_break() {
    for seed in 0..SEEDS {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut broker = Broker::new();
        let mqtt = MqttOptions { session_expiry: Duration::from_secs(60), ..MqttOptions::default() };
        let options = options(&broker).with_mqtt(mqtt);
        let (client, mut peer) = enter(&mut broker, options).await;
        let (messages, _) = tokio::join!(client.subscribe("news"), peer.confirms());
        let mut messages = messages.unwrap();
        let publishing = publisher(&client);
        let (mut arrived, mut unacknowledged) = (Vec::new(), Vec::new());
        let mut last = serve(peer, &mut random, &mut arrived, &mut unacknowledged).await;
        while last.is_none() {
            let mut peer = MqttPeer::new(broker.accept().await);
            peer.welcome(random.bool()).await;
            last = serve(peer, &mut random, &mut arrived, &mut unacknowledged).await;
        }
        let mut peer = last.unwrap();
        // The last connection acknowledges everything.
        let rest = async {
            for id in unacknowledged {
                peer.pub_ack(id).await;
            }
            loop {
                let heard = peer.hears().await;
                if heard.starts_with("PUBLISH") {
                    peer.pub_ack(number(&heard)).await;
                }
            }
        };
        let acknowledged = tokio::select! {
            acknowledged = within(publishing) => acknowledged.unwrap(),
            () = rest => unreachable!(),
        };
        assert_eq!(acknowledged, (0..MESSAGES).collect::<Vec<_>>(), "seed {seed}");
        let mut first_arrivals = Vec::new();
        for message in arrived {
            if !first_arrivals.contains(&message) {
                first_arrivals.push(message);
            }
        }
        assert_eq!(first_arrivals, acknowledged, "seed {seed}: lost, or out of order");
        peer.publish("news", "on", Qos::AtMostOnce, 0, 1).await;
        assert_eq!(next(&mut messages).await.payload, "on", "seed {seed}");
    }
}
