//! What a subscription costs in memory, text, place in the router and place in its session together. It is measured from
//! outside, as a process's resident memory: so this is a process of its own, with the daemon's allocator and one test.

use std::fs;
use std::sync::Arc;

use tidewire::clock::Now;
use tidewire::config::Config;
use tidewire::message::{Publication, Qos, SessionId};
use tidewire::output::Output;
use tidewire::router::{Router, Subscription, SubscriptionOptions};
use tidewire::session::{
    Deliver, Delivered, DeliveryOptions, ProtocolKind, Session, SessionKey, SubscriptionKey,
};
use tidewire_protocols::topic::TopicFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What one may cost. Tables that have just grown are half empty, so it is less most of the time.
const BYTES_MAX: usize = 300;

const FILTERS: usize = 150_000;

/// Takes nothing: here nothing is delivered.
struct Nowhere;

impl Deliver for Nowhere {
    fn deliver(&mut self, _: Now, _: &Publication<'_>, _: &DeliveryOptions, _: &mut Output) -> Delivered {
        Delivered::Discarded
    }

    fn resend(&mut self, _: Now, _: &mut Output, _: &mut Vec<u64>) -> bool {
        true
    }
}

/// Filters of some 30 bytes and five levels. No two of them have their last level in common.
fn filter(kind: &str, number: usize) -> String {
    let (plant, line) = (number % 10, number % 100);
    match kind {
        "exact" => format!("plant/{plant}/line/{line}/sensor-{number}"),
        "plus" => format!("plant/+/line/{line}/sensor-{number}"),
        "hash" => format!("plant/{plant}/line/sensor-{number}/#"),
        "mixed" => filter(["exact", "plus", "hash"][number % 3], number),
        // Under a level of its own, as devices have it.
        _ => format!("plant/{plant}/device-{number}/command"),
    }
}

fn session(number: usize) -> Arc<Session> {
    let key = SessionKey::new(ProtocolKind::Mqtt, number.to_string().into());
    let limits = Config::default().session.outbox_limits();
    Arc::new(Session::new(SessionId(number as u64 + 1), key, 0, limits, Box::new(Nowhere)))
}

fn subscribe(router: &Router, session: &Arc<Session>, text: &str) {
    let filter = TopicFilter::parse(text).expect("it is a topic filter");
    let options = SubscriptionOptions {
        qos: Qos::AtLeastOnce,
        no_local: false,
        retain_as_published: false,
        identifier: None,
    };
    let subscription = Subscription { session: Arc::clone(session), options, local: 0 };
    let existed = router.subscribe(filter, subscription, || {
        let key = SubscriptionKey { filter: filter.to_buf(), local: 0 };
        !session.lock().subscriptions.insert(key, options)
    });
    assert_eq!(existed, Some(false), "{text}");
}

fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux says what a process takes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says so in this line");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("it says so in KiB") * 1024
}

#[test]
fn a_subscription_costs_less_than_300_bytes() {
    // Nothing is given back between the measurements: what is free already would not be counted.
    let mut kept = Vec::new();
    for (kind, sessions) in [
        ("exact", 100),
        ("plus", 100),
        ("hash", 100),
        ("mixed", 100),
        ("own", 100),
        ("exact", 50_000),
        ("exact", 15_000),
    ] {
        let (router, sessions) = (Router::default(), (0..sessions).map(session).collect::<Vec<_>>());
        let before = resident_bytes();
        for number in 0..FILTERS {
            subscribe(&router, &sessions[number % sessions.len()], &filter(kind, number));
        }
        let bytes = resident_bytes().saturating_sub(before) / FILTERS;
        println!("{kind}, {} sessions: {bytes} bytes each", sessions.len());
        assert!(bytes > 64, "it is measured at all: {bytes}");
        assert!(bytes < BYTES_MAX, "{kind}, {} sessions: {bytes}", sessions.len());
        kept.push((router, sessions));
    }
}
