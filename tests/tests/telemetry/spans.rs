//! What is recorded of a publish.

use tidewire::config::Span;
use tidewire::telemetry::otlp::{CONSUMER, HAS_IS_REMOTE, INTERNAL, IS_REMOTE, PRODUCER};
use tidewire_protocols::mqtt::ReasonCode;
use tidewire_tests::mqtt::{connect, pub_ack, publish, subscribe};
use tidewire_tests::world::START_UNIX_MS;

use crate::collector::Seen;
use crate::stage::{SPAN, TRACE, stage, traceparent, with};

/// Holds that a span's attributes are these and no others.
fn has(span: &Seen, attributes: &[(&str, &str)]) {
    let pairs = span.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut attributes = attributes.to_vec();
    attributes.sort_unstable();
    assert_eq!(pairs.collect::<Vec<_>>(), attributes, "{}", span.name);
}

#[tokio::test]
async fn a_publish_becomes_spans_below_its_publisher_s() {
    let (collector, world) = stage(0.0, |_| ()).await;
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("a/+", 1)).await;
    let mut carol = world.stomp().await;
    carol.connects("1.2").await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/topic/a/b\nreceipt:r\n\n^").await.hears_receipt("r").await;
    let context = traceparent(true);
    let came = [("traceparent", context.as_str()), ("tracestate", "x=1"), ("tracestate", "y=2")];
    alice.publishes(with(publish("a/b", "hello").qos2(7), &came)).await;
    let spans = collector.sees(4).await;
    let [own, route, deliveries @ ..] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((own.trace.as_str(), own.parent.as_str()), (TRACE, SPAN));
    assert_eq!((own.kind, own.flags), (PRODUCER, 1 | HAS_IS_REMOTE | IS_REMOTE));
    for span in &spans {
        assert_eq!((span.trace.as_str(), span.state.as_str()), (TRACE, "x=1,y=2"), "{span:?}");
        assert!(span.began_ns >= own.began_ns && span.ended_ns <= own.ended_ns, "{span:?} in {own:?}");
        assert!(span.began_ns / 1_000_000 >= START_UNIX_MS && !span.has_failed, "{span:?}");
        let operation = span.attribute("messaging.operation.name");
        assert_eq!(span.name, format!("{operation} a/b"));
    }
    for span in &spans[1..] {
        assert_eq!((span.parent.as_str(), span.flags), (own.id.as_str(), 1 | HAS_IS_REMOTE), "{span:?}");
    }
    let all = [("messaging.system", "tidewire"), ("messaging.destination.name", "a/b")];
    let of_publish = [
        ("messaging.operation.name", "publish"),
        ("messaging.operation.type", "send"),
        ("messaging.message.body.size", "5"),
        ("messaging.client.id", "alice"),
        ("network.protocol.name", "mqtt"),
        ("tidewire.qos", "2"),
    ];
    has(own, &[&all[..], &of_publish].concat());
    has(route, &[&all[..], &[("messaging.operation.name", "route"), ("tidewire.receivers", "2")]].concat());
    assert_eq!(route.kind, INTERNAL);
    assert_eq!(deliveries.len(), 2);
    for delivery in deliveries {
        assert!(delivery.began_ns >= route.ended_ns && delivery.kind == CONSUMER, "{delivery:?}");
        let (client_id, qos) = match delivery.attribute("network.protocol.name") {
            "mqtt" => ("bob", "1"),
            _ => (delivery.attribute("messaging.client.id"), "2"),
        };
        let of_delivery = [
            ("messaging.operation.name", "deliver"),
            ("messaging.client.id", client_id),
            ("network.protocol.name", if client_id == "bob" { "mqtt" } else { "stomp" }),
            ("tidewire.qos", qos),
            ("tidewire.outcome", "sent"),
        ];
        has(delivery, &[&all[..], &of_delivery].concat());
    }
}

#[tokio::test]
async fn a_delivery_says_what_became_of_it() {
    let (collector, world) = stage(1.0, |config| config.session.outbox_messages_max = 1).await;
    let mut alice = world.client("alice").await;
    for client_id in ["away", "full"] {
        let mut client = world.client_with(connect(client_id).expiry(60), false).await;
        client.subscribes(subscribe(&format!("{client_id}/#"), 1)).await;
    }
    crate::until("both have gone", || world.broker.link_count() == 1).await;
    for (packet_id, (topic, outcome)) in
        (1..).zip([("away/1", "queued"), ("full/1", "queued"), ("full/2", "dropped")])
    {
        alice.publishes(publish(topic, "m").qos1(packet_id)).await;
        let spans = collector.sees(3 * usize::from(packet_id)).await;
        let last = spans.last().expect("there are some");
        assert_eq!(
            (last.name.as_str(), last.attribute("tidewire.outcome")),
            (&*format!("deliver {topic}"), outcome)
        );
    }
}

#[tokio::test]
async fn so_many_deliveries_are_recorded_and_the_others_counted() {
    let (collector, world) = stage(1.0, |config| config.telemetry.deliveries_max = 2).await;
    let mut clients = Vec::new();
    for client_id in ["a", "b", "c", "d", "e"] {
        let mut client = world.client(client_id).await;
        client.subscribes(subscribe("t", 0)).await;
        clients.push(client);
    }
    clients[0].publishes(publish("t", "m")).await;
    let spans = collector.sees(4).await;
    assert_eq!(spans[0].attribute("tidewire.deliveries_left_out"), "3");
    assert_eq!(spans[1].attribute("tidewire.receivers"), "5");
}

#[tokio::test]
async fn a_publish_that_is_refused_is_an_error() {
    let (collector, world) = stage(1.0, |config| config.queues.length_max = 1).await;
    let mut alice = world.client("alice").await;
    alice.publishes(publish("$queue/jobs", "m").qos1(1)).await;
    alice.says(publish("$queue/jobs", "m").qos1(2)).await;
    alice.hears(pub_ack(2).because(ReasonCode::QuotaExceeded).explained()).await;
    let spans = collector.sees(4).await;
    let [taken, _, refused, _] = spans.as_slice() else { panic!("{spans:?}") };
    assert!(!taken.has_failed && refused.has_failed, "{spans:?}");
    assert_eq!(refused.attribute("error.type"), "queue_full");
    assert!(!taken.attributes.contains_key("error.type"), "{taken:?}");
}

/// Each message of a transaction is a publish of its own, which takes place at COMMIT.
#[tokio::test]
async fn a_transaction_is_recorded_when_it_is_committed() {
    let (collector, world) = stage(0.0, |config| config.telemetry.interval = Span(crate::DEADLINE)).await;
    let mut carol = world.stomp().await;
    carol.connects("1.2").await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    let send = |more: &str, body| format!("SEND\ndestination:/topic/t\ntransaction:x\n{more}\n{body}^");
    let context = format!("traceparent:{}\n", traceparent(true));
    carol.says(&format!("BEGIN\ntransaction:x\n\n^{}{}", send(&context, "1"), send("", "2"))).await;
    carol.says(&format!("{}COMMIT\ntransaction:x\n\n^", send(&context, "3"))).await;
    let mut heard = Vec::new();
    for body in ["1", "2", "3"] {
        heard.push(carol.hears_message(body).await.header("traceparent").map(str::to_owned));
    }
    // All of them wait until the stop, so that none was there before.
    assert_eq!(collector.server.count(), 0);
    crate::stage::telemetry(&world).finish();
    let spans = collector.sees(6).await;
    let own: Vec<_> = spans.iter().filter(|span| span.name == "publish t").collect();
    let [first, third] = own.as_slice() else { panic!("{own:?}") };
    assert_eq!(heard, [Some(first.traceparent()), None, Some(third.traceparent())]);
    for span in own {
        let within = spans.iter().filter(|other| other.parent == span.id).map(|other| other.name.as_str());
        assert_eq!(within.collect::<Vec<_>>(), ["route t", "deliver t"]);
    }
}
