//! Traces of messages: what becomes a span, what travels on with the message, and how spans get to a collector. Each test has
//! a collector of its own on a real socket, and so real time.
//!
//! * `collector`: the collector, and what it is shown; `stage`: a broker that exports to it, and its clients
//! * `carried`: contexts that come and go with messages; `spans`: what is recorded of a publish, and when: `recording`
//! * `export`: a collector that is away, refuses or has enough; `daemon`: the program, up to its stop
//! * `readers`: that OpenTelemetry's own library reads what is sent

mod carried;
mod collector;
mod daemon;
mod export;
mod readers;
mod recording;
mod spans;
mod stage;

use std::time::{Duration, Instant};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until that is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it did not come to this: {what}");
        tokio::task::yield_now().await;
    }
}
