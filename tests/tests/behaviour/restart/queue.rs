//! Work queues.

use tidewire::store::{Owner, Store};
use tidewire_protocols::mqtt::Property;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{disconnect, pub_ack, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;

use super::{Life, SECOND, bob};
use crate::queue::{acks, connected, consumer, hears, nacks, redelivery, sends, sends_to, subscribes};

conversations! {
    messages_are_there_in_order => order;
    so_are_priorities => priorities;
    what_a_consumer_had_comes_again => redelivered;
    deliveries_are_counted_across_restarts => counted;
    dead_letters_are_made_of_what_is_on_disk => dead_letters;
    what_has_no_place_for_the_dead_is_dropped => dropped;
    the_head_makes_room => drop_head;
    a_transaction_is_all_there_or_not_at_all => transaction;
    a_private_one_is_gone => private;
    an_mqtt_client_consumes_again => mqtt;
    a_long_one_is_consumed_in_order => long;
    one_may_choose_from_a_long_one => selects;
    one_may_browse_a_long_one => browses;
    what_cannot_be_read_is_left_out => unreadable;
    numbers_go_on => numbers;
}

/// What may be in memory: a window, and what was fetched last, and before.
const RESIDENT_MAX: usize = 1_000 + 2 * 512;

fn owner() -> Owner {
    Owner::Queue("q".into())
}

async fn order(wire: Wire) {
    let life = Life::new(wire);
    sends(&mut connected(&life.world).await, &["1", "2", "3"]).await;
    let life = life.restarts();
    sends(&mut connected(&life.world).await, &["4"]).await;
    let mut c = consumer(&life.world, "ack:client\n").await;
    let ids = hears(&mut c, &["1", "2", "3", "4"]).await;
    acks(&mut c, &ids[3]).await;
    let life = life.restarts();
    consumer(&life.world, "").await.hears_nothing().await;
    assert_eq!(life.world.broker.queue_count(), 1, "the consumer's");
}

async fn priorities(wire: Wire) {
    let life = Life::new(wire);
    let mut peer = connected(&life.world).await;
    for (priority, body) in [(1, "low"), (9, "high"), (4, "middle")] {
        sends_to(&mut peer, "/queue/q", &format!("priority:{priority}\n"), &[body]).await;
    }
    let mut c = consumer(&life.restarts().world, "").await;
    hears(&mut c, &["high", "middle", "low"]).await;
}

async fn redelivered(wire: Wire) {
    let life = Life::new(wire);
    sends(&mut connected(&life.world).await, &["1", "2", "3"]).await;
    let mut c = consumer(&life.world, "ack:client-individual\nprefetch-count:2\n").await;
    let ids = hears(&mut c, &["1", "2"]).await;
    acks(&mut c, &ids[0]).await;
    c.hears_message("3").await;
    let life = life.restarts();
    let mut c = consumer(&life.world, "").await;
    assert_eq!(redelivery(&c.hears_message("2").await), (Some("true"), Some("2")));
    assert_eq!(redelivery(&c.hears_message("3").await), (Some("true"), Some("2")));
    c.hears_nothing().await;
}

async fn counted(wire: Wire) {
    let mut life = Life::with(wire, std::time::Duration::ZERO, |config| config.queues.deliveries_max = 3);
    sends(&mut connected(&life.world).await, &["1"]).await;
    for round in 1..=3 {
        let mut c = consumer(&life.world, "ack:client-individual\n").await;
        let heard = c.hears_message("1").await;
        let count = (round > 1).then(|| round.to_string());
        assert_eq!(heard.header("delivery-count"), count.as_deref());
        if round == 3 {
            nacks(&mut c, heard.header("ack").expect("1.2 has it")).await;
            life.world.settles().await;
        }
        life = life.restarts();
    }
    let mut d = connected(&life.world).await;
    subscribes(&mut d, "/queue/dead.q", "").await;
    let heard = d.hears_message("1").await;
    assert_eq!(heard.header("dead-letter-reason"), Some("deliveries"));
}

async fn dead_letters(wire: Wire) {
    let life = Life::new(wire);
    let mut peer = connected(&life.world).await;
    sends_to(&mut peer, "/queue/q", "ttl:5000\n", &["1", "2"]).await;
    sends(&mut peer, &["3"]).await;
    let life = life.restarts();
    life.world.passes(6 * SECOND).await;
    let mut d = connected(&life.world).await;
    subscribes(&mut d, "/queue/dead.q", "ack:client\n").await;
    for body in ["1", "2"] {
        assert_eq!(d.hears_message(body).await.header("dead-letter-reason"), Some("expired"));
    }
    d.hears_nothing().await;
    let life = life.restarts();
    let mut d = connected(&life.world).await;
    subscribes(&mut d, "/queue/dead.q", "").await;
    hears(&mut d, &["1", "2"]).await;
    hears(&mut consumer(&life.world, "").await, &["3"]).await;
}

async fn dropped(wire: Wire) {
    let life = Life::with(wire, std::time::Duration::ZERO, |config| config.queues.dead_letter.clear());
    sends_to(&mut connected(&life.world).await, "/queue/q", "ttl:5000\n", &["1", "2"]).await;
    let life = life.restarts();
    life.world.passes(6 * SECOND).await;
    assert_eq!((life.store.fetches(), life.world.broker.counters.dropped.value()), (0, 2));
    assert_eq!(life.world.broker.queue_count(), 0);
    assert!(life.store.recover(life.store.applied()).queues.is_empty());
}

async fn drop_head(wire: Wire) {
    let life = Life::with(wire, std::time::Duration::ZERO, |config| {
        config.queues.length_max = 3;
        config.queues.overflow = tidewire::queue::QueueOverflow::DropHead;
    });
    sends(&mut connected(&life.world).await, &["1", "2", "3"]).await;
    let life = life.restarts();
    sends(&mut connected(&life.world).await, &["4"]).await;
    life.world.passes(SECOND).await;
    let mut d = connected(&life.world).await;
    subscribes(&mut d, "/queue/dead.q", "").await;
    assert_eq!(d.hears_message("1").await.header("dead-letter-reason"), Some("length"));
    hears(&mut consumer(&life.world, "").await, &["2", "3", "4"]).await;
}

async fn transaction(wire: Wire) {
    let life = Life::with(wire, SECOND, |_| ());
    sends(&mut connected(&life.world).await, &["1"]).await;
    let mut c = consumer(&life.world, "ack:client\n").await;
    let ids = hears(&mut c, &["1"]).await;
    let commit = format!(
        "BEGIN\ntransaction:x\n\n^ACK\nid:{}\ntransaction:x\n\n^SEND\ndestination:/queue/r\ntransaction:x\n\n2^COMMIT\ntransaction:x\nreceipt:done\n\n^",
        ids[0]
    );
    c.says(&commit).await;
    life.world.settles().await;
    let (before, after) = (life.store.durable(), life.store.applied());
    assert!(before < after);
    c.hears_receipt("done").await;
    let (undone, life) = {
        let recovered = life.store.recover(before);
        (recovered, life.restarts_from(after))
    };
    let names = |queues: &[tidewire::store::RecoveredQueue]| {
        queues.iter().map(|queue| queue.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&undone.queues), ["q"]);
    let mut r = connected(&life.world).await;
    subscribes(&mut r, "/queue/r", "").await;
    hears(&mut r, &["2"]).await;
    consumer(&life.world, "").await.hears_nothing().await;
}

async fn private(wire: Wire) {
    let life = Life::new(wire);
    let mut c = connected(&life.world).await;
    c.says("SUBSCRIBE\nid:s\ndestination:/temp-queue/x\nack:client\nreceipt:r\n\n^").await;
    c.hears_receipt("r").await;
    sends_to(&mut c, "/temp-queue/x", "", &[]).await;
    c.says("SEND\ndestination:/temp-queue/x\n\n1^").await.hears_message("1").await;
    let life = life.restarts();
    assert_eq!(life.world.broker.queue_count(), 0);
    assert!(life.store.recover(life.store.applied()).queues.is_empty());
}

async fn mqtt(wire: Wire) {
    let life = Life::new(wire);
    let mut b = life.world.client_with(bob(), false).await;
    b.subscribes(subscribe("$queue/q", 1)).await;
    b.says(disconnect()).await.is_closed().await;
    sends(&mut connected(&life.world).await, &["1"]).await;
    let life = life.restarts();
    let mut b = life.world.client_with(bob(), true).await;
    b.looks_at(|packet| assert!(format!("{packet:?}").contains("$queue/q"), "{packet:?}")).await;
    b.says(pub_ack(1)).await.hears_nothing().await;
    life.restarts().world.client_with(bob(), true).await.hears_nothing().await;
}

/// Publishes that many messages into the queue; every tenth is blue.
async fn fills(life: &Life, count: u32) {
    let mut alice = life.world.client("alice").await;
    for number in 1..=count {
        let id = u16::try_from(number % 60_000 + 1).expect("it fits");
        let colour = if number % 10 == 0 { "blue" } else { "red" };
        let message =
            publish("$queue/q", number.to_string()).qos1(id).with(Property::UserProperty("colour", colour));
        alice.says(message).await.hears(pub_ack(id)).await;
    }
}

async fn hears_numbers(c: &mut StompPeer, numbers: impl Iterator<Item = u32>, ack: bool) {
    for number in numbers {
        let heard = c.hears_message(&number.to_string()).await;
        if ack {
            c.says(&format!("ACK\nid:{}\n\n^", heard.header("ack").expect("1.2 has it"))).await;
        }
    }
}

async fn long(wire: Wire) {
    let life = Life::new(wire);
    fills(&life, 5_000).await;
    assert!(life.store.resident(&owner()) <= RESIDENT_MAX);
    let life = life.restarts();
    assert_eq!(life.store.resident(&owner()), 0);
    let mut c = consumer(&life.world, "ack:client-individual\nprefetch-count:10\n").await;
    for part in 0..5 {
        hears_numbers(&mut c, part * 1_000 + 1..=(part + 1) * 1_000, true).await;
        assert!(life.store.resident(&owner()) <= RESIDENT_MAX);
    }
    c.hears_nothing().await;
    assert!(life.store.recover(life.store.applied()).queues.is_empty());
}

async fn selects(wire: Wire) {
    let life = Life::new(wire);
    fills(&life, 5_000).await;
    let life = life.restarts();
    let mut c = consumer(&life.world, "selector:colour = 'blue'\n").await;
    hears_numbers(&mut c, (1..=500).map(|number| number * 10), false).await;
    c.hears_nothing().await;
    assert!(life.store.resident(&owner()) <= RESIDENT_MAX, "{}", life.store.resident(&owner()));
    let mut d = consumer(&life.world, "").await;
    hears_numbers(&mut d, (1..=5_000).filter(|number| number % 10 != 0), false).await;
    d.hears_nothing().await;
}

async fn browses(wire: Wire) {
    let life = Life::new(wire);
    fills(&life, 3_000).await;
    let life = life.restarts();
    let mut c = consumer(&life.world, "browser:true\n").await;
    hears_numbers(&mut c, 1..=3_000, false).await;
    assert_eq!(c.next().await.header("browser"), Some("end"));
    assert!(life.store.resident(&owner()) <= RESIDENT_MAX, "{}", life.store.resident(&owner()));
    hears_numbers(&mut consumer(&life.world, "").await, 1..=3_000, false).await;
}

async fn unreadable(wire: Wire) {
    let life = Life::new(wire);
    sends(&mut connected(&life.world).await, &["1", "2", "3"]).await;
    let kept = life.store.durable();
    let life = life.restarts_with(kept, |store| store.damage(owner(), 2));
    let mut c = consumer(&life.world, "").await;
    hears(&mut c, &["1", "3"]).await;
    c.hears_nothing().await;
    life.world.passes(SECOND).await;
    assert_eq!(life.world.broker.counters.dropped.value(), 1);
    assert!(life.store.recover(life.store.applied()).queues.is_empty());
}

async fn numbers(wire: Wire) {
    let life = Life::new(wire);
    sends(&mut connected(&life.world).await, &["1"]).await;
    let life = life.restarts();
    sends(&mut connected(&life.world).await, &["2", "3"]).await;
    let mut c = consumer(&life.restarts().world, "").await;
    hears(&mut c, &["1", "2", "3"]).await;
}
