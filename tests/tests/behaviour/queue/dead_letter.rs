//! Where messages go that a queue has given up.

use std::time::Duration;

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{connected, consumer, hears, sends, sends_to, subscribes};

conversations! {
    an_expired_message_is_a_dead_letter => expired;
    an_expired_message_is_never_delivered => never_delivered;
    a_dead_letter_keeps_what_it_was => keeps_attributes;
    dead_letters_may_go_to_a_topic => to_a_topic;
    they_may_be_dropped => dropped;
    a_dead_letter_does_not_die_again => no_circles;
}

async fn expired(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    sends_to(&mut alice, "/queue/q", "ttl:3000\n", &["short"]).await;
    sends(&mut alice, &["long"]).await;
    let mut undertaker = connected(&world).await;
    subscribes(&mut undertaker, "/queue/dead.q", "").await;
    world.passes(Duration::from_secs(2)).await;
    undertaker.hears_nothing().await;
    world.passes(Duration::from_secs(2)).await;
    let dead = undertaker.hears_message("short").await;
    assert_eq!(dead.header("dead-letter-reason"), Some("expired"));
    assert_eq!(dead.header("expires"), None, "or it would be gone before anybody saw it");
    consumer(&world, "").await.hears_message("long").await;
}

async fn never_delivered(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    sends_to(&mut alice, "/queue/q", "ttl:100\n", &["1", "2"]).await;
    world.passes(Duration::from_millis(150)).await;
    // Nobody has looked after the queue yet.
    let mut bob = consumer(&world, "").await;
    bob.hears_nothing().await;
    let mut undertaker = connected(&world).await;
    undertaker.says("SUBSCRIBE\nid:s\ndestination:/queue/dead.q\n\n^").await;
    hears(&mut undertaker, &["1", "2"]).await;
}

async fn keeps_attributes(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let headers = "ttl:1000\ncolour:red\ncontent-type:text/plain\ncorrelation-id:7\nreply-to:/queue/r\n";
    sends_to(&mut alice, "/queue/q", headers, &["x"]).await;
    let mut undertaker = connected(&world).await;
    undertaker.says("SUBSCRIBE\nid:s\ndestination:/queue/dead.q\n\n^").await;
    let dead = undertaker.hears_message("x").await;
    for (name, value) in
        [("colour", "red"), ("content-type", "text/plain"), ("correlation-id", "7"), ("reply-to", "/queue/r")]
    {
        assert_eq!(dead.header(name), Some(value));
    }
    assert_eq!(dead.header("destination"), Some("/queue/dead.q"));
}

async fn to_a_topic(wire: Wire) {
    let world = World::with(wire, |config| config.queues.dead_letter = "/topic/dead/{queue}".to_owned());
    let mut alice = connected(&world).await;
    let mut undertaker = connected(&world).await;
    subscribes(&mut undertaker, "/topic/dead/#", "").await;
    sends_to(&mut alice, "/queue/q", "ttl:1000\n", &["x"]).await;
    let dead = undertaker.hears_message("x").await;
    assert_eq!(dead.header("destination"), Some("/topic/dead/q"));
}

async fn dropped(wire: Wire) {
    let world = World::with(wire, |config| config.queues.dead_letter = String::new());
    let mut alice = connected(&world).await;
    sends_to(&mut alice, "/queue/q", "ttl:1000\n", &["x"]).await;
    world.passes(Duration::from_secs(3)).await;
    assert_eq!((world.broker.counters.dropped.value(), world.broker.queue_count()), (1, 0));
}

async fn no_circles(wire: Wire) {
    let world = World::with(wire, |config| config.queues.deliveries_max = 1);
    let mut alice = connected(&world).await;
    sends_to(&mut alice, "/queue/q", "ttl:1000\n", &["x"]).await;
    let mut undertaker = connected(&world).await;
    undertaker.says("SUBSCRIBE\nid:s\ndestination:/queue/dead.q\nack:client\n\n^").await;
    // It stays, however often it is looked at.
    for _ in 0..20 {
        let id = undertaker.hears_message("x").await.header("ack").expect("it has that header").to_owned();
        undertaker.says(&format!("NACK\nid:{id}\n\n^")).await;
    }
}
