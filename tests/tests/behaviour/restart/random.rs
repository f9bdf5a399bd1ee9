//! Crashes at any moment: what was acknowledged arrives, in order; what is of QoS 2 arrives once.

use std::time::Duration;

use tidewire_protocols::mqtt::{Packet, Qos};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    ConnectWords, MqttPeer, connect, pub_ack, pub_comp, pub_rec, pub_rel, publish, subscribe,
};
use tidewire_tests::peer::Wire;

use super::{Life, bob};

conversations! {
    nothing_is_lost_and_nothing_comes_twice_that_must_not => of_a_topic;
    nor_of_a_work_queue => of_a_queue;
}

const QUEUE: &str = "$queue/q";
const LIVES: usize = 40;
const DISK: Duration = Duration::from_millis(5);

/// Xorshift, so that a seed gives the same steps on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// A publisher that repeats what was not acknowledged, as its client library would.
struct Publisher {
    topic: &'static str,
    next: u64,
    /// The message that is under way, with its QoS and whether PUBREC came.
    current: Option<(u64, Qos, bool)>,
}

/// A subscriber that remembers the QoS 2 identifiers it has received, as its client library would.
#[derive(Default)]
struct Subscriber {
    unreleased: Vec<u16>,
    taken: Vec<(u64, Qos)>,
}

fn alice() -> ConnectWords {
    connect("alice").resume().expiry(600)
}

impl Publisher {
    /// Publishes until that many messages are acknowledged, or the time is over.
    async fn publishes(&mut self, a: &mut MqttPeer, random: &mut Random, is_new: bool) {
        let mut dup = !is_new;
        loop {
            let (number, qos, is_received) = *self.current.get_or_insert_with(|| {
                self.next += 1;
                let qos = if random.below(2) == 0 { Qos::AtLeastOnce } else { Qos::ExactlyOnce };
                (self.next, qos, false)
            });
            let id = u16::try_from(number % 1_000 + 1).expect("it fits");
            let words = publish(self.topic, number.to_string());
            let words = if dup { words.dup() } else { words };
            dup = false;
            if qos == Qos::AtLeastOnce {
                a.says(words.qos1(id)).await.hears(pub_ack(id)).await;
            } else {
                if !is_received {
                    a.says(words.qos2(id)).await.hears(pub_rec(id)).await;
                    self.current = Some((number, qos, true));
                }
                a.says(pub_rel(id)).await;
                a.looks_at(|packet| assert!(matches!(packet, Packet::PubComp(_)), "{packet:?}")).await;
            }
            self.current = None;
        }
    }
}

impl Subscriber {
    async fn takes(&mut self, b: &mut MqttPeer) {
        loop {
            let heard = b
                .looks_at(|packet| match packet {
                    Packet::Publish(publish) => {
                        let number =
                            std::str::from_utf8(publish.payload).expect("text").parse().expect("a number");
                        Some((publish.packet_id.expect("QoS 1 or 2").get(), number, publish.qos))
                    }
                    Packet::PubRel(ack) => {
                        self.unreleased.retain(|id| *id != ack.packet_id.get());
                        Some((ack.packet_id.get(), 0, Qos::AtMostOnce))
                    }
                    other => panic!("{other:?}"),
                })
                .await;
            match heard {
                Some((id, _, Qos::AtMostOnce)) => b.says(pub_comp(id)).await,
                Some((id, number, Qos::AtLeastOnce)) => {
                    self.taken.push((number, Qos::AtLeastOnce));
                    b.says(pub_ack(id)).await
                }
                Some((id, number, Qos::ExactlyOnce)) => {
                    if !self.unreleased.contains(&id) {
                        self.unreleased.push(id);
                        self.taken.push((number, Qos::ExactlyOnce));
                    }
                    b.says(pub_rec(id)).await
                }
                None => continue,
            };
        }
    }
}

async fn of_a_topic(wire: Wire) {
    survives(wire, "t").await;
}

async fn of_a_queue(wire: Wire) {
    survives(wire, QUEUE).await;
}

#[expect(clippy::print_stdout, reason = "a failure shows its seed")]
async fn survives(wire: Wire, topic: &'static str) {
    for seed in 1..=4 {
        println!("{topic}, seed {seed}");
        survives_with(wire, topic, seed).await;
    }
}

async fn survives_with(wire: Wire, topic: &'static str, seed: u64) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
    let mut life = Life::with(wire, DISK, |_| ());
    let mut b = life.world.client_with(bob(), false).await;
    b.subscribes(subscribe(topic, 2)).await;
    drop(b);
    life.world.client_with(alice(), false).await;
    let (mut publisher, mut subscriber) =
        (Publisher { topic, next: 0, current: None }, Subscriber::default());
    for _ in 0..LIVES {
        let alive = Duration::from_millis(random.below(120));
        let run = async {
            let mut a = life.world.client_with(alice(), true).await;
            let is_new = publisher.current.is_none();
            publisher.publishes(&mut a, &mut random, is_new).await;
        };
        let take = async {
            let mut b = life.world.client_with(bob(), true).await;
            subscriber.takes(&mut b).await;
        };
        let _ = tokio::time::timeout(alive, async { tokio::join!(run, take) }).await;
        life = life.restarts();
    }
    // The last one is left to come to an end.
    let mut b = life.world.client_with(bob(), true).await;
    let _ = tokio::time::timeout(Duration::from_secs(5), subscriber.takes(&mut b)).await;
    let acknowledged = publisher.next - u64::from(publisher.current.is_some());
    let mut first_seen: Vec<u64> = Vec::new();
    for (number, qos) in &subscriber.taken {
        if first_seen.contains(number) {
            assert_eq!(*qos, Qos::AtLeastOnce, "{number} came twice (seed {seed})");
        } else {
            first_seen.push(*number);
        }
    }
    // What a consumer had and lost goes back to its queue, behind what it holds still.
    let is_ordered = topic == QUEUE || first_seen.is_sorted();
    assert!(is_ordered, "out of order (seed {seed}): {first_seen:?}");
    let lost: Vec<_> = (1..=acknowledged).filter(|number| !first_seen.contains(number)).collect();
    assert!(lost.is_empty(), "lost (seed {seed}): {lost:?}");
    assert!(acknowledged > 50, "{acknowledged}");
}
