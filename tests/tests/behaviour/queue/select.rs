//! Selectors, on queues and on topics.

use tidewire_protocols::mqtt::Property;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::publish;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{acks, connected, consumer, hears, sends_to, subscribes};

conversations! {
    consumers_get_what_they_choose => choose;
    what_nobody_chooses_waits => waits;
    what_comes_back_is_looked_at_again => comes_back;
    on_a_topic_the_others_pass_by => topic;
    user_properties_of_mqtt_are_headers => user_properties;
    a_bad_selector_says_where => bad;
    nobodys_messages_keep_no_one_waiting => out_of_the_way;
}

async fn sends_coloured(alice: &mut tidewire_tests::stomp::StompPeer, bodies: &[(&str, &str)]) {
    for (colour, body) in bodies {
        sends_to(alice, "/queue/q", &format!("colour:{colour}\n"), &[body]).await;
    }
}

async fn choose(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut red = consumer(&world, "selector:colour = 'red'\n").await;
    let mut rest = consumer(&world, "").await;
    sends_coloured(&mut alice, &[("red", "1"), ("blue", "2"), ("blue", "3"), ("blue", "4")]).await;
    // The first one in the line may be either.
    red.hears_message("1").await;
    hears(&mut rest, &["2", "3", "4"]).await;
    red.hears_nothing().await;
}

async fn waits(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    sends_coloured(&mut alice, &[("blue", "1"), ("red", "2"), ("blue", "3"), ("red", "4")]).await;
    let mut red = connected(&world).await;
    red.says("SUBSCRIBE\nid:s\ndestination:/queue/q\nselector:colour = 'red'\n\n^").await;
    hears(&mut red, &["2", "4"]).await;
    red.hears_nothing().await;
    sends_coloured(&mut alice, &[("blue", "5"), ("red", "6")]).await;
    red.hears_message("6").await;
    hears(&mut consumer(&world, "").await, &["1", "3", "5"]).await;
}

async fn comes_back(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client-individual\n").await;
    sends_coloured(&mut alice, &[("red", "1"), ("blue", "2")]).await;
    let ids = hears(&mut bob, &["1", "2"]).await;
    let mut red = consumer(&world, "selector:colour = 'red'\nack:client\n").await;
    red.hears_nothing().await;
    acks(&mut bob, &ids[1]).await;
    drop(bob);
    red.hears_message("1").await;
}

async fn topic(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world).await, connected(&world).await);
    subscribes(&mut bob, "/topic/t", "selector:weight > 10\nack:client\nprefetch-count:1\n").await;
    for (weight, body) in [("5", "light"), ("15", "heavy"), ("7", "light"), ("20", "heavier")] {
        sends_to(&mut alice, "/topic/t", &format!("weight:{weight}\n"), &[body]).await;
    }
    let id = bob.hears_message("heavy").await.header("ack").expect("it has that header").to_owned();
    bob.hears_nothing().await;
    bob.says(&format!("ACK\nid:{id}\n\n^")).await.hears_message("heavier").await;
}

async fn user_properties(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, connected(&world).await);
    subscribes(
        &mut bob,
        "/topic/t",
        "selector:colour IN ('red', 'green') AND \"content-type\" LIKE 'text/%'\n",
    )
    .await;
    for (colour, body) in [("blue", "1"), ("red", "2")] {
        let coloured = publish("t", body).with(Property::UserProperty("colour", colour));
        alice.says(coloured.with(Property::ContentType("text/plain"))).await;
    }
    bob.hears_message("2").await;
}

async fn bad(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    alice.says("SUBSCRIBE\nid:s\ndestination:/queue/q\nselector:colour = \n\n^").await;
    let error = alice.is_refused("bad selector header", 1000).await;
    assert!(error.text().contains("at column 10: expected a header's name"), "{}", error.text());
    let mut bob = connected(&world).await;
    // A blank one selects all.
    subscribes(&mut bob, "/queue/q", "selector: \n").await;
}

async fn out_of_the_way(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut red = consumer(&world, "selector:colour = 'red'\nack:client\nprefetch-count:1\n").await;
    let mut green = consumer(&world, "selector:colour = 'green'\nack:client\n").await;
    sends_coloured(&mut alice, &[("blue", "1"), ("red", "2"), ("green", "3"), ("red", "4"), ("green", "5")])
        .await;
    let ids = hears(&mut red, &["2"]).await;
    hears(&mut green, &["3", "5"]).await;
    acks(&mut red, &ids[0]).await;
    red.hears_message("4").await;
    red.hears_nothing().await;
}
