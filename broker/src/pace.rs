//! How fast a client may publish.
//!
//! Each message and each byte of it takes a share of a second. A client may be ahead of its rate by one second's worth; when
//! it is, it is not read from until it is within its rate again:
//!
//! ```text
//!   read ──note──▶ ahead of the rate ──resume, at resumes_at──▶ read
//! ```
//!
//! What is under way is handled first: so one message may be larger than a second's worth of bytes, and then takes several.
//! (The generic cell rate algorithm, of which only the time is kept at which all that came is paid for.)

use std::time::{Duration, Instant};

/// See the module. Where nothing is limited, it is empty and does nothing.
#[derive(Debug)]
pub struct Pace(Option<Box<Limited>>);

#[derive(Debug)]
struct Limited {
    messages: Option<Measure>,
    bytes: Option<Measure>,
    /// The client is not read from before.
    resumes_at: Option<Instant>,
}

/// One thing that is measured.
#[derive(Debug)]
struct Measure {
    rate: u64,
    paid_at: Instant,
}

/// What a client may be ahead by.
const BURST: Duration = Duration::from_secs(1);

impl Pace {
    /// For a client that connects now: messages a second and bytes a second, each 0 where there may be any number.
    pub fn new(messages: u32, bytes: usize, now: Instant) -> Self {
        let measure = |rate: u64| (rate > 0).then_some(Measure { rate, paid_at: now });
        let (messages, bytes) = (measure(messages.into()), measure(bytes as u64));
        let is_limited = messages.is_some() || bytes.is_some();
        Self(is_limited.then(|| Box::new(Limited { messages, bytes, resumes_at: None })))
    }

    /// A message came in a packet or frame of so many bytes.
    #[inline]
    pub fn note(&mut self, size: usize, now: Instant) {
        if let Some(limited) = &mut self.0 {
            limited.note(size, now);
        }
    }

    /// The client is read from again, if it is time; whether it has not been until now.
    pub fn resume(&mut self, now: Instant) -> bool {
        self.0.as_mut().is_some_and(|limited| limited.resumes_at.take_if(|at| *at <= now).is_some())
    }

    /// When the client is read from again; `None` while it is.
    #[inline]
    pub fn resumes_at(&self) -> Option<Instant> {
        self.0.as_ref()?.resumes_at
    }

    /// Whether the client is ahead of its rate, and so not read from.
    #[inline]
    pub fn is_ahead(&self) -> bool {
        self.resumes_at().is_some()
    }
}

impl Limited {
    #[inline(never)]
    fn note(&mut self, size: usize, now: Instant) {
        let messages = self.messages.as_mut().map(|measure| measure.take(1, now) + measure.time_of(1));
        let bytes = self.bytes.as_mut().map(|measure| measure.take(size as u64, now));
        // There must be room for a message, and for a byte: nobody knows how many come next.
        let resumes_at = messages.max(bytes).and_then(|at| at.checked_sub(BURST));
        self.resumes_at = resumes_at.filter(|at| *at > now);
    }
}

impl Measure {
    /// Takes so much of it. Returns when it will be paid for.
    fn take(&mut self, amount: u64, now: Instant) -> Instant {
        self.paid_at = self.paid_at.max(now) + self.time_of(amount);
        self.paid_at
    }

    /// The time in which so much may come.
    fn time_of(&self, amount: u64) -> Duration {
        Duration::from_nanos(amount.saturating_mul(1_000_000_000) / self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Sends messages of `size` bytes for as long as it may, and whenever it may again, until `end`. Returns when each was
    /// sent, in milliseconds.
    fn sent(messages: u32, bytes: usize, size: usize, end: Duration) -> Vec<u128> {
        let start = Instant::now();
        let mut pace = Pace::new(messages, bytes, start);
        let (mut now, mut sent) = (start, Vec::new());
        while now < start + end {
            pace.note(size, now);
            sent.push((now - start).as_millis());
            if let Some(at) = pace.resumes_at() {
                assert!(at > now && !pace.resume(now), "not yet");
                assert!(pace.resume(at) && !pace.is_ahead());
                now = at;
            }
        }
        sent
    }

    #[test]
    fn a_seconds_worth_goes_through_at_once_and_then_the_rate_holds() {
        for (messages, bytes, size, expected) in [
            (4, 0, 1000, &[0, 0, 0, 0, 250, 500, 750][..]),
            (1, 0, 1000, &[0]),
            (0, 400, 100, &[0, 0, 0, 0, 0, 250, 500, 750]),
            (0, 100, 50, &[0, 0, 0, 500]),
            (0, 1000, 1700, &[0, 700]),
            (3, 400, 200, &[0, 0, 0, 500]),
            (2, 400, 100, &[0, 0, 500]),
        ] {
            let sent = sent(messages, bytes, size, 999 * MS);
            assert_eq!(sent, expected, "{messages} messages, {bytes} bytes; {size} bytes each");
        }
    }

    #[test]
    fn who_was_quiet_has_a_seconds_worth_and_no_more() {
        let start = Instant::now();
        let mut pace = Pace::new(3, 0, start);
        for second in [0, 10, 20] {
            let now = start + Duration::from_secs(second);
            for _ in 0..2 {
                pace.note(1, now);
                assert_eq!(pace.resumes_at(), None);
            }
            pace.note(1, now);
            assert!(pace.resume(pace.resumes_at().unwrap()));
        }
    }

    #[test]
    fn a_message_far_too_large_is_paid_for_in_full() {
        let start = Instant::now();
        let mut pace = Pace::new(0, 1000, start);
        pace.note(60_000, start);
        assert_eq!(pace.resumes_at(), Some(start + Duration::from_secs(59)));
        pace.note(usize::MAX, start);
        assert!(pace.resumes_at() > Some(start + Duration::from_secs(1_000_000)));
    }

    #[test]
    fn without_rates_it_costs_nothing() {
        let now = Instant::now();
        let mut pace = Pace::new(0, 0, now);
        (0..1000).for_each(|_| pace.note(usize::MAX, now));
        assert!(pace.0.is_none() && !pace.is_ahead() && !pace.resume(now));
        assert_eq!(size_of::<Pace>(), size_of::<usize>());
    }
}
