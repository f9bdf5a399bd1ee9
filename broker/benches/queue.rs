//! What a work queue costs at both ends, short and long: a message of 256 bytes is put in, taken out and acknowledged,
//! or taken out and put back, while a thousand or a million others wait.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use tidewire::clock::{Clock, Now};
use tidewire::config::Config;
use tidewire::message::{Message, Publication, Qos, SessionId};
use tidewire::output::Output;
use tidewire::queue::{Acknowledged, ConsumerTerms, Queue, QueueLimits, Queues};
use tidewire::session::{
    Claim, Deliver, Delivered, DeliveryOptions, Feed, Link, ProtocolKind, SessionKey, Transmit,
};
use tidewire::store::CommitId;
use tidewire_protocols::topic::TopicName;

const DEPTHS: [usize; 2] = [1_000, 1_000_000];

/// Takes whatever it is given.
#[derive(Default)]
struct Hand {
    taken: Vec<(Arc<Message>, Arc<Claim>)>,
}

impl Deliver for Hand {
    fn deliver(
        &mut self,
        _now: Now,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        _output: &mut Output,
    ) -> Delivered {
        self.taken.extend(options.claim().cloned().map(|claim| (Arc::clone(publication.keep()), claim)));
        Delivered::Sent
    }

    fn resend(&mut self, _now: Now, _output: &mut Output, _settled: &mut Vec<u64>) -> bool {
        true
    }
}

struct Bench {
    queue: Arc<Queue>,
    feed: Arc<Feed>,
    hand: Hand,
    now: Now,
}

impl Bench {
    fn new(depth: usize) -> Self {
        let queues = Queues::default();
        let limits = || QueueLimits {
            length_max: usize::MAX,
            bytes_max: usize::MAX,
            ..Config::default().queues.limits()
        };
        let queue = queues.with("q", None, limits, |queue| Ok(Arc::clone(queue)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let now = runtime.block_on(async { Clock::system().now() });
        let feed = Arc::new(Feed::new(Arc::new(Link::new(1, "bench".into(), Instant::now()))));
        let mut bench = Self { queue, feed, hand: Hand::default(), now };
        (0..depth).for_each(|_| bench.put());
        let terms = ConsumerTerms {
            session: SessionId(1),
            local: 1,
            qos: Qos::ExactlyOnce,
            identifiers: Default::default(),
            acknowledged: Acknowledged::ByClient,
            prefetch: 1,
            selection: None,
            is_exclusive: false,
            is_auto_delete: false,
            is_browser: false,
        };
        let client = SessionKey::new(ProtocolKind::Mqtt, "bench".into());
        let joined = bench.queue.join(client, terms, &bench.feed, &mut Vec::new());
        assert!(matches!(joined, Ok(Ok(_))), "the queue has room for a consumer");
        bench
    }

    fn put(&mut self) {
        let topic = TopicName::parse("$queue/q").expect("a topic name");
        let mut publication = Publication::new(topic, &[b'x'; 256], SessionId(2));
        publication.qos = Qos::AtLeastOnce;
        let message = Arc::clone(publication.keep());
        if let Ok(Ok(place)) = self.queue.take_place(4, message.weight()) {
            black_box(self.queue.push(place, message));
        }
    }

    fn take(&mut self) -> Vec<(Arc<Message>, Arc<Claim>)> {
        let mut transmit = Transmit::new(self.now, CommitId::NONE, None);
        self.feed.pull(&mut transmit, &mut self.hand, &mut Output::default(), usize::MAX);
        std::mem::take(&mut self.hand.taken)
    }
}

fn queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("queue");
    for depth in DEPTHS {
        let mut bench = Bench::new(depth);
        group.bench_function(format!("put, take and acknowledge, {depth} wait"), |bencher| {
            bencher.iter(|| {
                bench.put();
                let taken = bench.take();
                assert_eq!(taken.len(), 1);
                bench.queue.settle(&taken)
            });
        });
        group.bench_function(format!("take and put back, {depth} wait"), |bencher| {
            bencher.iter(|| {
                let mut taken = bench.take();
                assert_eq!(taken.len(), 1);
                // As if it were its first delivery, or it would become a dead letter.
                for (_, claim) in &mut taken {
                    *claim = Arc::new(Claim { deliveries: 0, ..Claim::clone(claim) });
                }
                bench.queue.put_back(taken, None)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, queue);
criterion_main!(benches);
