//! Contexts that messages carry: from their publishers, and on to those who receive them.

use tidewire_tests::mqtt::{connect, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use crate::stage::{SPAN, TRACE, hears, hears_context, stage, traceparent, with};

#[tokio::test]
async fn from_mqtt_a_context_goes_on_to_both_protocols() {
    let (collector, world) = stage(0.0, |_| ()).await;
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 1)).await;
    let mut carol = world.stomp().await;
    carol.connects("1.2").await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    let mut dave = world.client_with(connect("dave").v311(), false).await;
    dave.subscribes(subscribe("t", 0)).await;
    let context = traceparent(true);
    let came = [("a", "1"), ("traceparent", &context), ("tracestate", "x=1"), ("b", "2")];
    alice.publishes(with(publish("t", "m").qos1(7), &came)).await;
    let own = collector.sees(5).await[0].traceparent();
    let goes = came.map(|(name, value)| match name {
        "traceparent" => (name.to_owned(), own.clone()),
        _ => (name.to_owned(), value.to_owned()),
    });
    assert_eq!(hears(&mut bob).await, ("m".to_owned(), goes.to_vec()));
    let heard = carol.hears_message("m").await;
    assert_eq!(heard.header("traceparent"), Some(own.as_str()));
    assert_eq!((heard.header("tracestate"), heard.header("a")), (Some("x=1"), Some("1")));
    // Its version has nothing to carry it in.
    dave.hears(publish("t", "m")).await;
}

#[tokio::test]
async fn from_stomp_a_context_goes_on_to_both_protocols() {
    for version in ["1.0", "1.1", "1.2"] {
        let (collector, world) = stage(0.0, |_| ()).await;
        let mut bob = world.client("bob").await;
        bob.subscribes(subscribe("t", 0)).await;
        let mut carol = world.stomp().await;
        carol.connects(version).await;
        carol.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
        let send = format!("SEND\ndestination:/topic/t\ntraceparent:{}\n\nm^", traceparent(true));
        carol.says(&send).await;
        let spans = collector.sees(4).await;
        assert_eq!((spans[0].trace.as_str(), spans[0].parent.as_str()), (TRACE, SPAN), "{version}");
        let own = spans[0].traceparent();
        assert_eq!(hears_context(&mut bob).await, own, "{version}");
        assert_eq!(carol.hears_message("m").await.header("traceparent"), Some(own.as_str()), "{version}");
    }
}

/// What a message carries and which share of the others is recorded decide whether it is part of a trace, and of which.
#[tokio::test]
async fn a_publisher_decides_for_its_own_traces_and_a_share_of_the_others_is_drawn() {
    let (sampled, not, foreign) = (traceparent(true), traceparent(false), "00-not-a-context-01".to_owned());
    let to_come = format!("cc-{TRACE}-{SPAN}-01-more");
    // Whether it is recorded, in the publisher's trace, and whether it goes on as it came.
    for (name, sample, came, is_recorded, is_theirs, is_untouched) in [
        ("nothing is drawn", 0.0, None, false, false, true),
        ("all are drawn", 1.0, None, true, false, false),
        ("a recorded trace", 0.0, Some(&sampled), true, true, false),
        ("a recorded trace, of all", 1.0, Some(&sampled), true, true, false),
        ("one that is not", 0.0, Some(&not), false, false, true),
        ("one that is not, of all", 1.0, Some(&not), false, false, true),
        ("one of a version to come", 0.0, Some(&to_come), true, true, false),
        ("a malformed one", 0.0, Some(&foreign), false, false, true),
        ("a malformed one, of all", 1.0, Some(&foreign), true, false, true),
    ] {
        let (collector, world) = stage(sample, |_| ()).await;
        let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
        bob.subscribes(subscribe("#", 0)).await;
        let came: Vec<_> = came.into_iter().map(|text| ("traceparent", text.as_str())).collect();
        alice.publishes(with(publish("t", "m"), &came)).await;
        // Spans come in the order of publishes: behind this one there is nothing else.
        alice.publishes(with(publish("end", "m"), &[("traceparent", &sampled)])).await;
        let spans = collector.sees(if is_recorded { 6 } else { 3 }).await;
        let is_of_it = |name: &str| name.ends_with(" t");
        assert_eq!(spans.iter().any(|span| is_of_it(&span.name)), is_recorded, "{name}");
        let (_, goes) = hears(&mut bob).await;
        if is_recorded {
            let publish = &spans[0];
            assert_eq!((publish.trace == TRACE, publish.parent == SPAN), (is_theirs, is_theirs), "{name}");
            assert!(is_theirs || publish.parent.is_empty(), "{name}: {publish:?}");
            let own = ("traceparent".to_owned(), publish.traceparent());
            assert_eq!(goes.contains(&own), !is_untouched, "{name}: {goes:?}");
        }
        let came: Vec<_> =
            came.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(goes == came, is_untouched, "{name}: {goes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_collector_nothing_is_recorded_and_contexts_go_on_as_they_came() {
    let world = World::new(Wire::Tcp);
    assert!(world.broker.telemetry.is_none());
    assert!(world.broker.config().telemetry.exporter().expect("there is nothing to be wrong").is_none());
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 0)).await;
    let words = || with(publish("t", "m"), &[("traceparent", &traceparent(true)), ("tracestate", "x=1")]);
    alice.publishes(words()).await;
    bob.hears(words()).await;
}

/// The head of such a SEND is read once, and what it leads to is not the same twice all the same.
#[tokio::test]
async fn messages_that_say_the_same_have_contexts_of_their_own() {
    for (sample, context) in [(0.0, format!("traceparent:{}\n", traceparent(true))), (1.0, String::new())] {
        let (collector, world) = stage(sample, |_| ()).await;
        let mut bob = world.client("bob").await;
        bob.subscribes(subscribe("t", 0)).await;
        let mut carol = world.stomp().await;
        carol.connects("1.2").await;
        carol.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
        carol.says(&format!("SEND\ndestination:/topic/t\n{context}\nm^").repeat(3)).await;
        let spans = collector.sees(12).await;
        let own: Vec<_> = spans.iter().filter(|span| span.name == "publish t").collect();
        let mut ids: Vec<_> = own.iter().map(|span| span.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 3, "{own:?}");
        for span in own {
            assert_eq!(hears_context(&mut bob).await, span.traceparent());
            assert_eq!(
                carol.hears_message("m").await.header("traceparent"),
                Some(span.traceparent().as_str())
            );
        }
    }
}

#[tokio::test]
async fn what_waits_keeps_the_context_of_its_publish() {
    let (collector, world) = stage(0.0, |_| ()).await;
    let mut alice = world.client("alice").await;
    let mut bob = world.client_with(connect("bob").expiry(60), false).await;
    bob.subscribes(subscribe("t", 1)).await;
    drop(bob);
    crate::until("bob has gone", || world.broker.link_count() == 1).await;
    let context = traceparent(true);
    let words = |topic, id| with(publish(topic, "m").retained().qos1(id), &[("traceparent", &context)]);
    alice.publishes(words("t", 1)).await;
    let own = collector.sees(3).await[0].traceparent();
    let mut bob = world.client_with(connect("bob").resume(), true).await;
    assert_eq!(hears_context(&mut bob).await, own, "a message that waited for its client");
    let mut carol = world.client("carol").await;
    carol.subscribes(subscribe("t", 0)).await;
    assert_eq!(hears_context(&mut carol).await, own, "a retained message");
    alice.publishes(with(publish("$queue/jobs", "m").qos1(2), &[("traceparent", &context)])).await;
    let own = collector.sees(5).await[3].traceparent();
    let mut worker = world.stomp().await;
    worker.connects("1.2").await;
    worker.says("SUBSCRIBE\nid:s\ndestination:/queue/jobs\n\n^").await;
    assert_eq!(worker.hears_message("m").await.header("traceparent"), Some(own.as_str()), "of a queue");
}
