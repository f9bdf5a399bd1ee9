//! Dotted names, for clients that come from brokers which part levels by dots.

use tidewire::config::Separator;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::connected;

conversations! {
    levels_are_parted_by_dots => levels;
    stars_and_greater_signs_are_wildcards => wildcards;
    every_name_comes_back_as_it_went => round_trip;
    queues_are_named_verbatim => queues;
    by_default_a_dot_is_a_letter => verbatim;
}

fn dotted(wire: Wire) -> World {
    World::with(wire, |config| config.stomp.separator = Separator::Dot)
}

async fn levels(wire: Wire) {
    let world = dotted(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, world.client("bob").await);
    bob.subscribes(subscribe("price/stock/+", 0)).await;
    alice.says("SEND\ndestination:/topic/price.stock.acme\nqos:0\nreply-to:/topic/a.b\n\n42^").await;
    let heard = bob.looks_at(|packet| format!("{packet:?}")).await;
    assert!(heard.contains("price/stock/acme") && heard.contains("a/b"), "{heard}");
}

async fn wildcards(wire: Wire) {
    let world = dotted(wire);
    let mut alice = connected(&world, "1.2").await;
    for (filter, heard, unheard) in [
        ("price.*.acme", "price.stock.acme", "price.stock.more.acme"),
        ("price.>", "price.stock.acme", "prices.x"),
        ("price.#", "price", "prices"),
        ("*", "one", "one.two"),
    ] {
        let mut bob = connected(&world, "1.2").await;
        bob.says(&format!("SUBSCRIBE\nid:s\ndestination:/topic/{filter}\nreceipt:r\n\n^"))
            .await
            .hears_receipt("r")
            .await;
        for topic in [unheard, heard] {
            alice
                .says(&format!("SEND\ndestination:/topic/{topic}\nreceipt:r\n\n{topic}^"))
                .await
                .hears_receipt("r")
                .await;
        }
        let message = bob.hears_message(heard).await;
        assert_eq!(message.header("destination"), Some(format!("/topic/{heard}").as_str()));
        bob.hears_nothing().await;
    }
}

async fn round_trip(wire: Wire) {
    let world = dotted(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, world.client("bob").await);
    alice.says("SUBSCRIBE\nid:s\ndestination:/topic/#\nreceipt:r\n\n^").await.hears_receipt("r").await;
    bob.says(publish("a.b/c", "x")).await;
    assert_eq!(alice.hears_message("x").await.header("destination"), Some("/topic/a/b.c"));
}

async fn queues(wire: Wire) {
    let world = dotted(wire);
    let mut alice = connected(&world, "1.2").await;
    alice.says("SUBSCRIBE\nid:s\ndestination:/queue/a.b/c\nreceipt:r\n\n^").await.hears_receipt("r").await;
    let mut bob = world.client("bob").await;
    bob.says(publish("$queue/a.b/c", "x")).await;
    assert_eq!(alice.hears_message("x").await.header("destination"), Some("/queue/a.b/c"));
}

async fn verbatim(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world, "1.2").await;
    alice.says("SUBSCRIBE\nid:s\ndestination:/topic/a.*\nreceipt:r\n\n^").await.hears_receipt("r").await;
    alice.says("SEND\ndestination:/topic/a.b\n\nno^SEND\ndestination:/topic/a.*\n\nyes^").await;
    alice.hears_message("yes").await;
}
