//! What becomes of a message that a consumer does not process.

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{acks, connected, consumer, hears, nacks, redelivery, sends};

conversations! {
    what_a_lost_consumer_had_goes_to_the_other_in_place => lost_consumer;
    a_nack_puts_it_back_in_place => nack;
    a_cumulative_nack_puts_all_back => cumulative_nack;
    an_ack_of_one_settles_one => individual;
    an_ack_covers_all_before_it => cumulative;
    after_so_many_deliveries_it_is_a_dead_letter => worn_out;
    a_nack_may_say_that_nobody_should_have_it => rejected;
    older_versions_name_messages_their_way => older_versions;
    a_slow_consumer_costs_no_one_else => slow_consumer;
}

async fn lost_consumer(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client-individual\nprefetch-count:5\n").await;
    sends(&mut alice, &["1", "2", "3", "4", "5", "6", "7"]).await;
    hears(&mut bob, &["1", "2", "3", "4", "5"]).await;
    let mut carol = connected(&world).await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/queue/q\nack:client-individual\nprefetch-count:1\n\n^").await;
    let mut id = hears(&mut carol, &["6"]).await.remove(0);
    drop(bob);
    world.settles().await;
    for body in ["1", "2", "3", "4", "5"] {
        acks(&mut carol, &id).await;
        let heard = carol.hears_message(body).await;
        assert_eq!(redelivery(&heard), (Some("true"), Some("2")), "{body}");
        id = heard.header("ack").expect("it has that header").to_owned();
    }
    acks(&mut carol, &id).await;
    let last = carol.hears_message("7").await;
    assert_eq!(redelivery(&last), (None, None), "nobody had it before");
    carol.hears_nothing().await;
}

async fn nack(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client-individual\nprefetch-count:2\n").await;
    sends(&mut alice, &["1", "2", "3"]).await;
    let ids = hears(&mut bob, &["1", "2"]).await;
    nacks(&mut bob, &ids[0]).await;
    let again = bob.hears_message("1").await;
    assert_eq!(redelivery(&again), (Some("true"), Some("2")));
    assert_ne!(again.header("ack"), Some(ids[0].as_str()), "each delivery has a name of its own");
    bob.hears_nothing().await;
    bob.says(&format!("ACK\nid:{}\n\n^", ids[0])).await.is_refused("unknown message", 1000).await;
}

async fn cumulative_nack(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client\nprefetch-count:3\n").await;
    sends(&mut alice, &["1", "2", "3", "4"]).await;
    let ids = hears(&mut bob, &["1", "2", "3"]).await;
    nacks(&mut bob, &ids[1]).await;
    let again = hears(&mut bob, &["1", "2"]).await;
    bob.hears_nothing().await;
    acks(&mut bob, &again[1]).await;
    // That was the last of three deliveries, so all are settled.
    hears(&mut bob, &["4"]).await;
}

async fn individual(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client-individual\n").await;
    sends(&mut alice, &["1", "2", "3"]).await;
    let ids = hears(&mut bob, &["1", "2", "3"]).await;
    acks(&mut bob, &ids[1]).await;
    drop(bob);
    world.settles().await;
    let mut carol = consumer(&world, "").await;
    hears(&mut carol, &["1", "3"]).await;
    carol.hears_nothing().await;
}

async fn cumulative(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client\n").await;
    sends(&mut alice, &["1", "2", "3"]).await;
    let ids = hears(&mut bob, &["1", "2", "3"]).await;
    acks(&mut bob, &ids[1]).await;
    drop(bob);
    world.settles().await;
    let mut carol = consumer(&world, "").await;
    hears(&mut carol, &["3"]).await;
    carol.hears_nothing().await;
}

async fn worn_out(wire: Wire) {
    let world = World::with(wire, |config| config.queues.deliveries_max = 3);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client-individual\n").await;
    sends(&mut alice, &["poison"]).await;
    for count in 1..=3 {
        let heard = bob.hears_message("poison").await;
        let expected = (count > 1).then(|| count.to_string());
        assert_eq!(redelivery(&heard).1, expected.as_deref());
        nacks(&mut bob, heard.header("ack").expect("it has that header")).await;
    }
    bob.hears_nothing().await;
    let mut undertaker = connected(&world).await;
    undertaker.says("SUBSCRIBE\nid:s\ndestination:/queue/dead.q\n\n^").await;
    let dead = undertaker.hears_message("poison").await;
    assert_eq!(dead.header("dead-letter-reason"), Some("deliveries"));
    assert_eq!(dead.header("dead-letter-destination"), Some("/queue/q"));
    assert_eq!(dead.header("dead-letter-deliveries"), Some("3"));
    assert!(dead.header("dead-letter-time").expect("it has that header").parse::<u64>().is_ok());
    assert_eq!(world.broker.counters.dead_letters.value(), 1);
}

async fn rejected(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client-individual\n").await;
    sends(&mut alice, &["1", "2"]).await;
    let ids = hears(&mut bob, &["1", "2"]).await;
    bob.says(&format!("NACK\nid:{}\nrequeue:false\n\n^", ids[0])).await.hears_nothing().await;
    let mut undertaker = connected(&world).await;
    undertaker.says("SUBSCRIBE\nid:s\ndestination:/queue/dead.q\n\n^").await;
    assert_eq!(undertaker.hears_message("1").await.header("dead-letter-reason"), Some("rejected"));
    bob.says(&format!("NACK\nid:{}\nrequeue:maybe\n\n^", ids[1]))
        .await
        .is_refused("bad requeue header", 1000)
        .await;
}

async fn older_versions(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    for (version, subscription) in [("1.0", ""), ("1.1", "subscription:s\n")] {
        sends(&mut alice, &["1", "2"]).await;
        let mut bob = world.stomp().await;
        bob.connects(version).await;
        bob.says("SUBSCRIBE\nid:s\ndestination:/queue/q\nack:client\n\n^").await;
        let first = bob.hears_message("1").await;
        bob.hears_message("2").await;
        let id = first.header("message-id").expect("it has that header");
        bob.says(&format!("ACK\nmessage-id:{id}\n{subscription}receipt:r\n\n^"))
            .await
            .hears_receipt("r")
            .await;
        drop(bob);
        world.settles().await;
        let mut carol = consumer(&world, "").await;
        assert_eq!(redelivery(&carol.hears_message("2").await), (Some("true"), Some("2")));
        carol.says("DISCONNECT\nreceipt:r\n\n^").await.hears_receipt("r").await.is_closed().await;
    }
}

async fn slow_consumer(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    // Bob reads nothing, so that his socket is full at some time.
    let _bob = consumer(&world, "").await;
    let mut carol = consumer(&world, "ack:client\nprefetch-count:1\n").await;
    let body = "x".repeat(20_000);
    for number in 0..50 {
        alice.says(&format!("SEND\ndestination:/queue/q\nreceipt:{number}\n\n{body}^")).await;
        alice.hears_receipt(&number.to_string()).await;
    }
    // What Bob has not taken, others may have.
    let mut heard = 0;
    while heard < 25 {
        let id = carol.hears_message(&body).await.header("ack").expect("it has that header").to_owned();
        carol.says(&format!("ACK\nid:{id}\n\n^")).await;
        heard += 1;
    }
}
