//! How spans get to a collector, and what becomes of them where it does not take them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::header::RETRY_AFTER;
use prost::Message as _;
use tidewire::config::Span;
use tidewire::metrics::{Format, Metrics};
use tidewire::telemetry::otlp::{ExportRequest, ExportResponse, PartialSuccess};
use tidewire_tests::log::Log;
use tidewire_tests::mqtt::publish;
use tidewire_tests::server::{Reply, Server, nobody};
use tidewire_tests::world::World;

use crate::collector::{Collector, by_name, spans, taken};
use crate::stage::{exports, stage, telemetry, world};
use crate::{DEADLINE, until};

/// Spans of a publish that nobody receives.
const SPANS: u64 = 2;

/// So long that nothing is exported by itself.
const LONG: Span = Span(Duration::from_secs(3_600));

/// One publish.
async fn publishes(world: &World) {
    let mut alice = world.client("alice").await;
    alice.publishes(publish("t", "m").qos1(1)).await;
}

/// Waits until so many spans were taken and so many were not, as the metrics tell.
async fn comes_to(world: &World, exported: u64, dropped: u64) {
    let telemetry = telemetry(world);
    let is_so = || (telemetry.exported.value(), telemetry.dropped.value()) == (exported, dropped);
    until(&format!("{exported} exported, {dropped} dropped"), is_so).await;
    let page = Metrics::new(Arc::clone(&world.broker)).encode(Format::Text).expect("they can be written");
    for (name, value) in [("exported", exported), ("dropped", dropped)] {
        let line = format!("tidewire_spans_{name}_total {value}");
        assert!(page.lines().any(|found| found == line), "{line} is not in {page}");
    }
}

fn later() -> Reply {
    Reply::new(503, "").with(RETRY_AFTER, "0")
}

/// Takes all spans but so many.
fn takes_but(rejected_spans: i64) -> Reply {
    let partial = PartialSuccess { rejected_spans, error_message: "too many".to_owned() };
    Reply::new(200, ExportResponse { partial_success: Some(partial) }.encode_to_vec())
}

#[tokio::test]
async fn a_request_is_what_collectors_expect() {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let headers = folder.path().join("headers");
    std::fs::write(&headers, "Authorization: Bearer top-secret\nX-Tenant: harbour\n")
        .expect("a temporary directory can be written to");
    let (collector, world) = stage(1.0, |config| {
        config.telemetry.headers_file = Some(headers);
        config.telemetry.service_name = "harbour-broker".to_owned();
    })
    .await;
    publishes(&world).await;
    collector.sees(2).await;
    let question = collector.server.last();
    assert_eq!((question.method.as_str(), question.uri.path()), ("POST", "/v1/traces"));
    for (name, value) in [
        ("content-type", "application/x-protobuf"),
        ("authorization", "Bearer top-secret"),
        ("x-tenant", "harbour"),
    ] {
        assert_eq!(question.headers[name], value, "{name}");
    }
    let request = ExportRequest::decode(question.body).expect("the request is OTLP's");
    let [resource] = request.resource_spans.as_slice() else { panic!("{request:?}") };
    let attributes = by_name(&resource.resource.as_ref().expect("it is named").attributes);
    assert_eq!(attributes["service.name"], "harbour-broker");
    assert_eq!(attributes["service.instance.id"].len(), 32);
    let scope = resource.scope_spans[0].scope.as_ref().expect("it is named");
    assert_eq!((&scope.name, &scope.version), (&"tidewire".to_owned(), &attributes["service.version"]));
}

#[tokio::test]
async fn a_collector_is_trusted_by_the_authorities_that_are_named() {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("it can be made");
    let authorities = folder.path().join("authorities.pem");
    std::fs::write(&authorities, certified.cert.pem()).expect("a temporary directory can be written to");
    let server = Server::says_over_tls(taken(), &certified).await;
    let uri = server.uri_of("localhost");
    let endpoint = format!("https://{}", uri.authority().expect("it has an address"));
    let world = world(&endpoint, 1.0, |config| config.telemetry.ca_file = Some(authorities));
    exports(&world);
    publishes(&world).await;
    comes_to(&world, SPANS, 0).await;
    assert_eq!(spans(&server.last()).len(), 2);
}

/// What may pass is tried again, so often and no more; the rest is not.
#[tokio::test]
async fn what_is_not_taken_is_sent_again_within_bounds() {
    for (name, replies, requests, exported, dropped) in [
        ("at once", vec![taken()], 1, SPANS, 0),
        ("the second time", vec![later(), taken()], 2, SPANS, 0),
        ("the last time", vec![later(), later(), later(), later(), taken()], 5, SPANS, 0),
        ("never", vec![later(), later(), later(), later(), later(), taken()], 5, 0, SPANS),
        ("refused", vec![Reply::new(400, ""), taken()], 1, 0, SPANS),
        ("elsewhere", vec![Reply::new(404, ""), taken()], 1, 0, SPANS),
        ("in part", vec![takes_but(1), taken()], 1, SPANS - 1, 1),
        ("in part, it says, which is none", vec![takes_but(0), taken()], 1, SPANS, 0),
        ("in less than nothing", vec![takes_but(9), taken()], 1, 0, SPANS),
        ("with words", vec![Reply::new(200, "{}"), taken()], 1, SPANS, 0),
    ] {
        let (collector, world) = stage(1.0, |_| ()).await;
        let asked = AtomicUsize::new(0);
        collector.server.answers_by(move |_| replies[asked.fetch_add(1, Ordering::Relaxed)].clone());
        publishes(&world).await;
        comes_to(&world, exported, dropped).await;
        assert_eq!(collector.server.count(), requests, "{name}");
    }
}

#[tokio::test]
async fn a_collector_that_is_away_is_waited_for() {
    let log = Log::begin();
    let (collector, world) = stage(1.0, |_| ()).await;
    collector.server.now_says(Reply::new(503, ""));
    publishes(&world).await;
    until("it is said", || !log.lines("the collector does not take spans").is_empty()).await;
    collector.server.now_says(taken());
    // A second later, if nobody asks for more or less.
    comes_to(&world, SPANS, 0).await;
    assert_eq!(collector.server.count(), 2);
    log.says_once("the collector does not take spans", &["WARN", "503", "dropped=0", "/v1/traces"]);
    log.says_once("the collector takes spans again", &["INFO"]);
}

#[tokio::test]
async fn that_spans_are_lost_is_said_once_a_minute() {
    let log = Log::begin();
    let (collector, world) = stage(1.0, |_| ()).await;
    collector.server.now_says(Reply::new(400, ""));
    for publishes_before in 1..=5 {
        publishes(&world).await;
        comes_to(&world, 0, SPANS * publishes_before).await;
        assert_eq!(log.lines("the collector does not take spans").len(), 1);
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::resume();
    publishes(&world).await;
    comes_to(&world, 0, SPANS * 6).await;
    let lines = log.lines("the collector does not take spans");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("dropped=2") && lines[1].contains("dropped=10"), "{lines:?}");
}

/// Clients are served all the same.
#[tokio::test]
async fn beyond_the_queue_s_bound_spans_are_dropped() {
    let endpoint = nobody().await.to_string();
    let world = world(&endpoint, 1.0, |config| config.telemetry.queue_spans_max = 5);
    for (publish, dropped) in [(1, 0), (2, 0), (3, SPANS), (4, 2 * SPANS)] {
        publishes(&world).await;
        assert_eq!(telemetry(&world).dropped.value(), dropped, "after {publish}");
    }
}

#[tokio::test]
async fn many_spans_do_not_wait_for_more() {
    /// As many as are exported together.
    const BATCH: u64 = 512;
    let (collector, world) = stage(1.0, |config| config.telemetry.interval = LONG).await;
    let mut alice = world.client("alice").await;
    for published in 1..=BATCH / SPANS {
        assert_eq!(collector.server.count(), 0, "before publish {published}");
        alice.publishes(publish("t", "m").qos1(1)).await;
    }
    comes_to(&world, BATCH, 0).await;
    assert_eq!(collector.server.count(), 1);
}

#[tokio::test]
async fn a_stop_exports_what_waits_and_then_ends() {
    let collector = Collector::start().await;
    let world = world(&collector.endpoint(), 1.0, |config| config.telemetry.interval = LONG);
    let exporting = exports(&world);
    publishes(&world).await;
    publishes(&world).await;
    assert_eq!(collector.server.count(), 0);
    telemetry(&world).finish();
    tokio::time::timeout(DEADLINE, exporting).await.expect("it ends").expect("it does not panic");
    assert_eq!(telemetry(&world).exported.value(), 2 * SPANS);
    assert_eq!(collector.server.count(), 1, "together");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_collector_that_is_away() {
    // So many that they are several batches.
    const PUBLISHES: u64 = 600;
    let (collector, world) = stage(1.0, |_| ()).await;
    collector.server.falls_silent();
    let mut alice = world.client("alice").await;
    alice.publishes(publish("t", "m").qos1(1)).await;
    collector.server.is_asked(1).await;
    for _ in 1..PUBLISHES {
        alice.says(publish("t", "m")).await;
    }
    alice.publishes(publish("end", "m").qos1(2)).await;
    telemetry(&world).finish();
    collector.server.now_says(Reply::new(503, ""));
    collector.server.speaks_again();
    // One batch was on its way, one is tried, and the rest is not.
    comes_to(&world, 0, SPANS * (PUBLISHES + 1)).await;
    assert_eq!(collector.server.count(), 2);
}
