//! When spans begin and end, on virtual time.

use std::time::Duration;

use tidewire::clock::Clock;
use tidewire::spans::{Beginning, Outcome, Party, Period, Recording, TraceContext};

fn party(client_id: &str) -> Party {
    Party::new(&client_id.into(), "mqtt")
}

/// A recording of a publish that has room for one delivery.
fn begins(clock: &Clock, topic: &str) -> Recording {
    let context = TraceContext::recorded(None).expect("the system has random numbers");
    let beginning = Beginning {
        context,
        parent: None,
        state: None,
        topic,
        payload_bytes: 1,
        qos: 0,
        publisher: party("ann"),
        deliveries_max: 1,
    };
    Recording::begin(clock, beginning)
}

async fn passes() {
    tokio::time::advance(Duration::from_millis(1)).await;
}

fn period(began_ms: u64, ended_ms: u64) -> Period {
    Period { began_ns: began_ms * 1_000_000, ended_ns: ended_ms * 1_000_000 }
}

#[tokio::test(start_paused = true)]
async fn each_span_has_its_own_time() {
    let clock = Clock::tied_to_runtime(5);
    let recording = begins(&clock, "t");
    passes().await;
    recording.note_receivers(2);
    recording.note_receivers(3);
    passes().await;
    let began_ns = recording.moment();
    passes().await;
    recording.note_delivery(began_ns, || party("bob"), 1, Outcome::Sent);
    recording.note_delivery(began_ns, || party("cat"), 1, Outcome::Queued);
    passes().await;
    let recorded = recording.end(Some("why"));
    assert_eq!((recorded.period, recorded.error), (period(5, 9), Some("why")));
    let route = recorded.route.expect("it was noted");
    assert_eq!((route.period, route.receivers), (period(5, 6), 2));
    let [delivery] = recorded.deliveries.as_slice() else { panic!("{recorded:?}") };
    assert_eq!((delivery.period, &*delivery.receiver.client_id), (period(7, 8), "bob"));
    assert_eq!((recorded.deliveries_left_out, recorded.span_count()), (1, 3));
    assert!(route.span != delivery.span && route.span != recorded.context.span);
}

/// Whoever publishes must not fill the memory by names while a collector is away.
#[tokio::test(start_paused = true)]
async fn of_very_long_names_the_beginning_is_kept() {
    for (name, text, kept) in [
        ("short", "t".to_owned(), 1),
        ("as long as may be", "t".repeat(512), 512),
        ("longer", "t".repeat(513), 512),
        ("with a letter in the way", format!("{}\u{e9}", "t".repeat(511)), 511),
    ] {
        let recorded = begins(&Clock::tied_to_runtime(0), &text).end(None);
        assert_eq!(*recorded.topic, text[..kept], "{name}");
        assert_eq!(*party(&text).client_id, text[..kept], "{name}");
    }
}
