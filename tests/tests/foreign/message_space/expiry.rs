//! Expiry: MQTT 5 counts the seconds that are left, STOMP names the moment, MQTT 3.1.1 just sees nothing too old.

use std::ops::RangeInclusive;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::client::{Client, MQTTJS_5, MQTTJS_311, PAHO_5, Protocol, STOMPJS, STOMPPY_TCP};
use crate::driver::DEADLINE;
use crate::peer::{DrivenPeer, Message, Peer, Publication};
use crate::stage::Stage;

/// Long enough that nothing expires while a test runs.
const LIFETIME_S: u64 = 1000;

#[test]
fn an_interval_becomes_a_moment() {
    lives_as_long(MQTTJS_5, |_| json!({}));
    lives_as_long(PAHO_5, |_| json!({}));
}

#[test]
fn a_moment_becomes_an_interval() {
    lives_as_long(STOMPJS, |now| json!({"expires": (now + LIFETIME_S * 1000).to_string()}));
    lives_as_long(STOMPPY_TCP, |now| json!({"expires": (now + LIFETIME_S * 1000).to_string()}));
}

#[test]
fn a_time_to_live_is_taken_too() {
    lives_as_long(STOMPJS, |_| json!({"ttl": (LIFETIME_S * 1000).to_string()}));
    lives_as_long(STOMPPY_TCP, |_| json!({"ttl": (LIFETIME_S * 1000).to_string()}));
}

#[test]
fn a_moment_stays_the_same_over_stomp() {
    let stage = Stage::new();
    let (mut alice, mut bob) = (stage.enter(STOMPJS), stage.enter(STOMPPY_TCP));
    bob.subscribe("moment");
    let moment = (now_ms() + LIFETIME_S * 1000).to_string();
    alice
        .publish(&Publication::new("moment", "").headers(json!({"expires": moment})))
        .expect("a message is published");
    assert_eq!(bob.message().header("expires"), Some(moment.as_str()));
}

#[test]
fn the_time_waited_is_taken_off() {
    for publisher in [PAHO_5, STOMPJS] {
        let stage = Stage::new();
        let kept = expiring(Publication::new("waiting", "kept").retained(), LIFETIME_S);
        stage.enter(publisher).publish(&kept).expect("a message is retained");
        let mut subscriber = stage.enter(PAHO_5);
        // Subscribing again shows the retained message again, until so much of its time has gone that rounding is not
        // the reason.
        until("the interval shrinks", || {
            subscriber.subscribe("waiting");
            subscriber.message().properties()["expiry"].as_u64().is_some_and(|left| left <= LIFETIME_S - 2)
        });
    }
}

#[test]
fn what_is_due_is_dropped() {
    for publisher in [PAHO_5, STOMPJS] {
        let stage = Stage::new();
        let keeps = json!({"client_id": "keeps-its-session", "clean": false});
        let mut absent = stage.enter_with(MQTTJS_311, keeps.clone());
        absent.subscribe("due/#");
        absent.disconnect();
        let mut publisher = stage.enter(publisher);
        publisher.publish(&expiring(Publication::new("due/soon", ""), 1)).expect("a message is published");
        publisher
            .publish(&expiring(Publication::new("due/later", ""), LIFETIME_S))
            .expect("a message is published");
        publisher.publish(&Publication::new("due/never", "")).expect("a message is published");
        let clock = expiring(Publication::new("clock", "ticking").retained(), 2);
        publisher.publish(&clock).expect("a message is retained");
        // The clock was published last and lives longest: once it has gone, so has what was due before it.
        for subscriber in [MQTTJS_311, STOMPPY_TCP] {
            let mut watcher = stage.enter(subscriber);
            watcher.subscribe("tick");
            until("a retained message expires", || is_gone(&mut watcher, "clock", &mut publisher));
        }
        let mut present = stage.enter_with(MQTTJS_311, keeps);
        assert_eq!(present.message().topic, "due/later");
        assert_eq!(present.message().topic, "due/never");
    }
}

/// Publishes with a lifetime and sees it arrive in both protocols, live and retained.
fn lives_as_long(client: Client, headers: impl Fn(u64) -> Value) {
    let stage = Stage::new();
    let mut subscribers = [MQTTJS_5, PAHO_5, STOMPJS, STOMPPY_TCP].map(|client| stage.enter(client));
    for peer in &mut subscribers {
        peer.subscribe("life/live");
    }
    let mut publisher = stage.enter(client);
    let start = now_ms();
    for publication in [Publication::new("life/live", "x"), Publication::new("life/kept", "x").retained()] {
        let publication = publication.properties(json!({"expiry": LIFETIME_S})).headers(headers(start));
        publisher.publish(&publication).expect("a message is published");
    }
    for peer in &mut subscribers {
        peer.subscribe("life/kept");
        for topic in ["life/live", "life/kept"] {
            let message = peer.message();
            let case = format!("{topic} from {} to {}", client.name, peer.client().name);
            assert_eq!(message.topic, topic, "{case}");
            let end = expires_ms(&message, peer.client().protocol());
            assert!(
                lifetime_from(start).contains(&end),
                "{case}: {end} is not in {:?}",
                lifetime_from(start)
            );
        }
    }
}

/// When the message expires, in milliseconds since the epoch.
fn expires_ms(message: &Message, protocol: Protocol) -> u64 {
    match protocol {
        Protocol::Mqtt => message.properties()["expiry"].as_u64().map_or(0, |left| now_ms() + left * 1000),
        Protocol::Stomp => {
            message.header("expires").and_then(|moment| moment.parse().ok()).unwrap_or_default()
        }
    }
}

/// The end of a lifetime that began between then and now, give or take the second to which MQTT rounds.
fn lifetime_from(start: u64) -> RangeInclusive<u64> {
    start + LIFETIME_S * 1000 - 1000..=now_ms() + LIFETIME_S * 1000 + 1000
}

fn expiring(publication: Publication, seconds: u64) -> Publication {
    let (expiry, ttl) = (json!({"expiry": seconds}), json!({"ttl": (seconds * 1000).to_string()}));
    publication.properties(expiry).headers(ttl)
}

/// Whether subscribing shows no retained message: then the next to arrive is what is published after it.
fn is_gone(watcher: &mut DrivenPeer, topic: &str, publisher: &mut DrivenPeer) -> bool {
    watcher.subscribe(topic);
    publisher.publish(&Publication::new("tick", "")).expect("a message is published");
    let is_gone = watcher.message().topic == "tick";
    if !is_gone {
        watcher.message();
    }
    is_gone
}

/// Asks again and again; each question waits for its answer, so this does not spin faster than the broker replies.
fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_true() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
    u64::try_from(since.as_millis()).expect("the epoch is not that long ago")
}
