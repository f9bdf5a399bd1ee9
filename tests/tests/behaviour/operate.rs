//! What the operator does to clients, and what they and the operator see of it.

use std::time::Duration;

use serde_json::{Value, json};
use tidewire::broker::inspect::{
    ClientFilter, ClientState, SessionFilter, SubscriptionFilter, SubscriptionPlace,
};
use tidewire::broker::operate::Banned;
use tidewire::broker::{Trace, Watched};
use tidewire_protocols::mqtt::ReasonCode;
use tidewire_protocols::topic::{TopicFilterBuf, TopicNameBuf};
use tidewire_tests::mqtt::{connect, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;
use tidewire_tests::{conversations, conversations_everywhere};

conversations_everywhere! {
    who_is_kicked_is_told => kick;
    who_comes_is_listed_with_what_carries_it => listed;
}

conversations! {
    a_session_may_end_with_its_connection => discarded;
    lists_come_in_pages => pages;
    filters_choose => filters;
    subscriptions_are_found_by_what_they_match => subscriptions;
    what_is_counted_is_what_is_listed => totals;
    users_and_client_identifiers_are_kept_away => bans;
    a_trace_shows_a_conversation => trace;
    a_trace_of_a_topic_shows_who_gets_it => topic_trace;
}

async fn kick(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    let mut carol = world.stomp().await;
    carol.connects("1.2").await;
    for client_id in ["alice", "bob", "session-3"] {
        let session = world.broker.find_session(client_id, None).expect("it is there");
        assert!(world.broker.kick(&session));
    }
    alice.is_disconnected(ReasonCode::AdministrativeAction, 1008).await;
    // 3.1.1 has no packet for it.
    bob.peer.is_closed_with(1008).await;
    carol.is_refused("disconnected by the operator", 1008).await;
}

async fn discarded(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").resume().expiry(600), false).await;
    let session = world.broker.find_session("alice", None).expect("it is there");
    assert!(world.broker.kick(&session));
    alice.is_disconnected(ReasonCode::AdministrativeAction, 1008).await;
    world.settles().await;
    assert!(!world.broker.kick(&session), "nobody is connected any more");
    let mut alice = world.client_with(connect("alice").resume().expiry(600), true).await;
    let session = world.broker.find_session("alice", None).expect("it is there still");
    world.broker.kick(&session);
    world.broker.discard_session(&session).expect("it can be stored");
    alice.is_disconnected(ReasonCode::AdministrativeAction, 1008).await;
    assert!(world.broker.find_session("alice", None).is_none());
    world.client_with(connect("alice").resume().expiry(600), false).await;
}

async fn listed(wire: Wire) {
    let world = World::new(wire);
    let _alice = world.client_with(connect("alice").keep_alive(77), false).await;
    let listed = world.broker.list_clients(&ClientFilter::default(), 0, 100);
    let client = listed.items.iter().find(|client| client.client_id.as_deref() == Some("alice"));
    let client = client.unwrap_or_else(|| panic!("she is not among {listed:?}"));
    assert_eq!((client.protocol, client.state), (Some("mqtt5"), ClientState::Connected));
    assert_eq!(client.transport, if wire.is_web_socket() { "ws" } else { "tcp" });
    assert_eq!(client.tls, matches!(wire, Wire::Tls | Wire::Wss | Wire::Http2));
    let session = world.broker.find_session("alice", None).expect("it is there");
    assert_eq!(world.broker.describe_client(&session).keep_alive_secs, Some(77));
}

async fn pages(wire: Wire) {
    let world = World::new(wire);
    let mut peers = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        peers.push(world.client(name).await);
    }
    let names = |after: u64, limit: usize| {
        let listed = world.broker.list_clients(&ClientFilter::default(), after, limit);
        let names: Vec<_> =
            listed.items.iter().map(|client| client.client_id.clone().unwrap_or_default()).collect();
        let last = listed.items.last().map_or(0, |client| client.id);
        (names.join(""), listed.has_more, listed.total, last)
    };
    let (first, has_more, total, last) = names(0, 2);
    assert_eq!((first.as_str(), has_more, total), ("ab", true, 5));
    // Who goes does not move the pages of others.
    drop(peers.remove(0));
    world.settles().await;
    let (second, has_more, total, last) = names(last, 2);
    assert_eq!((second.as_str(), has_more, total), ("cd", true, 4));
    let (third, has_more, ..) = names(last, 2);
    assert_eq!((third.as_str(), has_more), ("e", false));
}

async fn filters(wire: Wire) {
    let world = World::new(wire);
    let _alice = world.client("alice").await;
    let _bob = world.client_with(connect("bob").v311(), false).await;
    let mut carol = world.stomp().await;
    carol.says("CONNECT\naccept-version:1.2\nhost:h\nclient-id:carol\n\n\0").await;
    carol.next().await;
    let _silent = world.mqtt().await;
    let text = |text: &str| Some(text.to_owned());
    let any = ClientFilter::default;
    for (filter, expected) in [
        (any(), 4),
        (ClientFilter { client_id: text("alice"), ..any() }, 1),
        (ClientFilter { client_id: text("carol"), ..any() }, 1),
        (ClientFilter { client_id: text("nobody"), ..any() }, 0),
        (ClientFilter { protocol: text("mqtt"), ..any() }, 2),
        (ClientFilter { protocol: text("mqtt311"), ..any() }, 1),
        (ClientFilter { protocol: text("stomp"), ..any() }, 1),
        (ClientFilter { user: text("alice"), ..any() }, 0),
        (ClientFilter { state: Some(ClientState::Connecting), ..any() }, 1),
        (ClientFilter { state: Some(ClientState::Connected), ..any() }, 3),
        (ClientFilter { is_slow: Some(true), ..any() }, 0),
        (ClientFilter { listener: text("nowhere"), ..any() }, 0),
    ] {
        assert_eq!(world.broker.list_clients(&filter, 0, 1).total, expected, "{filter:?}");
    }
    let connected = SessionFilter { is_connected: Some(true), ..SessionFilter::default() };
    assert_eq!(world.broker.list_sessions(&connected, 0, 100).total, 3);
}

async fn subscriptions(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    for filter in ["a/+", "b/#", "$share/g/a/b"] {
        alice.subscribes(subscribe(filter, 1)).await;
    }
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("a/b", 1)).await;
    let found = |filter: SubscriptionFilter| {
        let listed = world.broker.list_subscriptions(&filter, &SubscriptionPlace::default(), 100);
        listed.items.iter().map(|one| one.filter.to_string()).collect::<Vec<_>>().join(" ")
    };
    let any = SubscriptionFilter::default;
    for (filter, expected) in [
        (any(), "$share/g/a/b a/+ b/# a/b"),
        (SubscriptionFilter { topic: TopicNameBuf::parse("a/b").ok(), ..any() }, "$share/g/a/b a/+ a/b"),
        (SubscriptionFilter { topic: TopicNameBuf::parse("b").ok(), ..any() }, "b/#"),
        (SubscriptionFilter { client_id: Some("bob".to_owned()), ..any() }, "a/b"),
        (SubscriptionFilter { filter: Some("a/+".to_owned()), ..any() }, "a/+"),
    ] {
        let shown = format!("{filter:?}");
        assert_eq!(found(filter), expected, "{shown}");
    }
    let first = world.broker.list_subscriptions(&any(), &SubscriptionPlace::default(), 2);
    let rest = world.broker.list_subscriptions(&any(), &first.items[1].place, 100);
    let rest: Vec<_> = rest.items.iter().map(|one| &*one.filter).collect();
    assert_eq!((first.has_more, rest), (true, vec!["b/#", "a/b"]));
}

/// Holds that without a filter as many of each are counted as are listed, page by page.
fn are_counted(world: &World, clients: usize, sessions: usize, subscriptions: usize) {
    let broker = &world.broker;
    let (mut after, mut ids) = (0, Vec::new());
    loop {
        let page = broker.list_clients(&ClientFilter::default(), after, 2);
        assert_eq!(page.total, clients);
        ids.extend(page.items.iter().map(|client| client.id));
        after = ids.last().copied().unwrap_or_default();
        if !page.has_more {
            break;
        }
    }
    assert!(ids.len() == clients && ids.is_sorted(), "{ids:?}");
    let page = broker.list_sessions(&SessionFilter::default(), 0, 100);
    assert_eq!((page.total, page.items.len()), (sessions, sessions), "{page:?}");
    let (mut after, mut found) = (SubscriptionPlace::default(), 0);
    loop {
        let page = broker.list_subscriptions(&SubscriptionFilter::default(), &after, 1);
        assert_eq!(page.total, subscriptions, "{page:?}");
        found += page.items.len();
        if !page.has_more {
            break;
        }
        after = page.items[0].place.clone();
    }
    assert_eq!(found, subscriptions);
}

async fn totals(wire: Wire) {
    let world = World::new(wire);
    let words = || connect("alice").resume().expiry(600);
    let mut alice = world.client_with(words(), false).await;
    for filter in ["a/+", "$queue/q", "a/+"] {
        alice.subscribes(subscribe(filter, 1)).await;
    }
    let _bob = world.client("bob").await;
    let mut carol = world.stomp().await;
    carol.connects("1.2").await;
    for (id, destination) in [("1", "/queue/q"), ("2", "/topic/t"), ("3", "/topic/t")] {
        let frame = format!("SUBSCRIBE\nid:{id}\ndestination:{destination}\nreceipt:s\n\n\0");
        carol.says(frame.as_str()).await.hears_receipt("s").await;
    }
    let _silent = world.mqtt().await;
    are_counted(&world, 4, 3, 5);
    carol.says("UNSUBSCRIBE\nid:1\nreceipt:u\n\n\0").await.hears_receipt("u").await;
    are_counted(&world, 4, 3, 4);
    drop((alice, carol));
    world.settles().await;
    are_counted(&world, 2, 2, 2);
    let alice = world.client_with(words(), true).await;
    are_counted(&world, 3, 2, 2);
    drop(alice);
    world.settles().await;
    let session = world.broker.find_session("alice", None).expect("it is there");
    world.broker.discard_session(&session).expect("it can be stored");
    are_counted(&world, 2, 1, 0);
}

async fn bans(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let minute = Some(Duration::from_secs(60));
    let (ban, kicked) =
        world.broker.ban(Banned::ClientId("alice".into()), minute, None).expect("there is room");
    assert_eq!(kicked, 1);
    alice.is_disconnected(ReasonCode::AdministrativeAction, 1008).await;
    let mut again = world.mqtt().await;
    again.says(connect("alice")).await.is_refused(ReasonCode::Banned, 1000).await;
    world.client("bob").await;
    let mut stomp = world.stomp().await;
    stomp.says("CONNECT\naccept-version:1.2\nhost:h\nclient-id:alice\n\n\0").await;
    stomp.is_refused("access refused", 1000).await;
    assert_eq!(world.broker.list_bans(None, 100).total, 1);
    assert!(world.broker.lift_ban(ban.id) && !world.broker.lift_ban(ban.id));
    world.client("alice").await;
    world.broker.ban(Banned::ClientId("alice".into()), minute, None).expect("there is room");
    world.passes(Duration::from_secs(61)).await;
    assert_eq!(world.broker.list_bans(None, 100).total, 0);
    world.client("alice").await;
}

/// What a trace has seen by now, without times.
async fn seen(trace: &Trace) -> Vec<Value> {
    let events = serde_json::to_value(trace.next().await).expect("they can be written");
    let mut events = events.as_array().cloned().unwrap_or_default();
    for event in &mut events {
        let at = event.as_object_mut().and_then(|event| event.remove("at"));
        assert!(at.is_some_and(|at| at.is_string()));
    }
    events
}

async fn trace(wire: Wire) {
    let world = World::new(wire);
    let trace = world.broker.trace(Watched::Client("alice".into()));
    let mut bob = world.client("bob").await;
    let mut alice = world.client("alice").await;
    alice.subscribes(subscribe("t", 1)).await;
    alice.publishes(publish("u", "four").qos1(1)).await;
    bob.publishes(publish("t", "hello")).await;
    alice.hears(publish("t", "hello")).await;
    drop(alice);
    world.settles().await;
    let seen = seen(&trace).await;
    let alice = |event: &str, rest: Value| {
        let mut expected = json!({ "event": event, "client_id": "alice" });
        expected.as_object_mut().expect("it is one").extend(rest.as_object().expect("so is this").clone());
        expected
    };
    assert_eq!(seen[0]["event"], "connect");
    assert!(
        seen[0]["detail"].as_str().is_some_and(|detail| detail.starts_with("mqtt 5.0 from ")),
        "{seen:?}"
    );
    assert_eq!(seen[1], alice("in", json!({ "packet": "SUBSCRIBE" })));
    assert_eq!(seen[2], alice("in", json!({ "topic": "u", "qos": 1, "size": 4 })));
    assert_eq!(seen[3], alice("out", json!({ "topic": "t", "qos": 0, "size": 5 })));
    assert_eq!(seen[4]["event"], "disconnect");
    assert_eq!(seen.len(), 5, "{seen:?}");
    drop(trace);
    assert!(!world.broker.traces.are_on());
}

async fn topic_trace(wire: Wire) {
    let world = World::new(wire);
    let filter = TopicFilterBuf::parse("t/#").expect("it is one");
    let trace = world.broker.trace(Watched::Topic(filter));
    let mut carol = world.stomp().await;
    carol.connects("1.2").await;
    carol.says("SUBSCRIBE\nid:1\ndestination:/topic/t/+\nreceipt:s\n\n\0").await.hears_receipt("s").await;
    let mut bob = world.client("bob").await;
    bob.publishes(publish("t/a", "x")).await.publishes(publish("other", "x")).await;
    carol.hears_message("x").await;
    let seen = seen(&trace).await;
    let events: Vec<_> =
        seen.iter().map(|event| (event["event"].clone(), event["client_id"].clone())).collect();
    let session = world.broker.list_sessions(&SessionFilter::default(), 0, 1).items[0].client_id.to_string();
    assert_eq!(events, [(json!("in"), json!("bob")), (json!("out"), json!(session))], "{seen:?}");
    // Whoever watches and takes nothing misses something, and is told how much.
    for _ in 0..1100 {
        bob.says(publish("t/b", "y")).await;
    }
    bob.publishes(publish("t/b", "z").qos1(1)).await;
    let events = trace.next().await;
    let left_out: u64 = events.iter().filter_map(|event| event.left_out).sum();
    assert_eq!(events.len() as u64 - 1 + left_out, 2 * 1101);
}
