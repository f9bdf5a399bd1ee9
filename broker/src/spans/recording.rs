//! A publish that is recorded while it is under way.

use std::cell::RefCell;

use super::recorded::clipped;
use super::{Delivery, Outcome, Party, Period, Recorded, Route, SpanId, TraceContext};
use crate::clock::{Clock, Now};

/// See the module. It lies with whoever publishes, who lends it to those who see the message.
#[derive(Debug)]
pub struct Recording {
    clock: Clock,
    began: Now,
    deliveries_max: usize,
    recorded: RefCell<Recorded>,
}

/// What is known of a publish when it begins.
#[derive(Debug)]
pub struct Beginning<'b> {
    /// Its own span.
    pub context: TraceContext,
    /// The publisher's, where that has told it.
    pub parent: Option<SpanId>,
    /// See [`Recorded::state`].
    pub state: Option<Box<str>>,
    /// The topic name.
    pub topic: &'b str,
    /// Bytes of the payload.
    pub payload_bytes: usize,
    /// The QoS that it was published with.
    pub qos: u8,
    /// Who publishes.
    pub publisher: Party,
    /// Deliveries that become spans; further ones are counted.
    pub deliveries_max: usize,
}

impl Recording {
    /// Begins now, by that clock.
    pub fn begin(clock: &Clock, beginning: Beginning<'_>) -> Self {
        let began = clock.now();
        let began_ns = nanoseconds(began.unix_ms);
        let recorded = Recorded {
            context: beginning.context,
            parent: beginning.parent,
            state: beginning.state,
            topic: clipped(beginning.topic).into(),
            payload_bytes: beginning.payload_bytes,
            qos: beginning.qos,
            publisher: beginning.publisher,
            period: Period { began_ns, ended_ns: began_ns },
            route: None,
            deliveries: Vec::new(),
            deliveries_left_out: 0,
            error: None,
        };
        let (clock, deliveries_max) = (clock.clone(), beginning.deliveries_max);
        Self { clock, began, deliveries_max, recorded: RefCell::new(recorded) }
    }

    /// This moment, in nanoseconds since the Unix epoch: the wall clock's at the beginning, and the other one from there on,
    /// so that nothing ends before it began.
    #[cold]
    pub fn moment(&self) -> u64 {
        let elapsed = self.clock.now().instant.saturating_duration_since(self.began.instant);
        let elapsed = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        nanoseconds(self.began.unix_ms).saturating_add(elapsed)
    }

    /// It is known now that so many receive it; who asks again later is not recorded.
    #[cold]
    pub fn note_receivers(&self, receivers: usize) {
        let ended_ns = self.moment();
        let mut recorded = self.recorded.borrow_mut();
        if recorded.route.is_none()
            && let Some(span) = SpanId::draw()
        {
            let period = Period { ended_ns, ..recorded.period };
            recorded.route = Some(Route { span, period, receivers });
        }
    }

    /// It came to one who receives it, from that [`moment`](Self::moment) until now.
    pub fn note_delivery(&self, began_ns: u64, receiver: impl FnOnce() -> Party, qos: u8, outcome: Outcome) {
        let period = Period { began_ns, ended_ns: self.moment() };
        let mut recorded = self.recorded.borrow_mut();
        if recorded.deliveries.len() < self.deliveries_max
            && let Some(span) = SpanId::draw()
        {
            recorded.deliveries.push(Delivery { span, period, receiver: receiver(), qos, outcome });
        } else {
            recorded.deliveries_left_out += 1;
        }
    }

    /// It is over; `error` says in a word why it was refused, if it was.
    pub fn end(self, error: Option<&'static str>) -> Recorded {
        let ended_ns = self.moment();
        let mut recorded = self.recorded.into_inner();
        recorded.period.ended_ns = ended_ns;
        recorded.error = error;
        recorded
    }
}

fn nanoseconds(unix_ms: u64) -> u64 {
    unix_ms.saturating_mul(1_000_000)
}
