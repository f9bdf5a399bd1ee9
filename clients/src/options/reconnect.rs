//! When to connect again.
//!
//! The wait before attempt `n` in a row is drawn evenly from zero to `initial * factor^(n-1)`, but to no more than
//! `maximum`: "full jitter", so that clients which lost a broker together do not come back together.

use std::time::{Duration, Instant};

/// The policy. By default: a second at most, doubled up to thirty, for ever.
#[derive(Clone, Debug)]
pub struct Reconnect {
    initial: Duration,
    maximum: Duration,
    factor: f64,
    /// 0 for never; `None` for ever.
    attempts_max: Option<u32>,
    give_up_after: Option<Duration>,
    stable_after: Duration,
    is_first_retried: bool,
    seed: Option<u64>,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            maximum: Duration::from_secs(30),
            factor: 2.0,
            attempts_max: None,
            give_up_after: None,
            stable_after: Duration::from_secs(5),
            is_first_retried: false,
            seed: None,
        }
    }
}

impl Reconnect {
    /// A connection that is lost stays lost.
    pub fn never() -> Self {
        Self { attempts_max: Some(0), ..Self::default() }
    }

    /// The longest wait before the first attempt, and before any.
    #[must_use]
    pub fn with_delays(self, initial: Duration, maximum: Duration) -> Self {
        Self { initial, maximum, ..self }
    }

    /// By how much the longest wait grows from one attempt to the next; what is below 1 counts as 1.
    #[must_use]
    pub fn with_factor(self, factor: f64) -> Self {
        Self { factor, ..self }
    }

    /// Gives up after so many attempts in a row.
    #[must_use]
    pub fn with_attempts_max(self, attempts: u32) -> Self {
        Self { attempts_max: Some(attempts), ..self }
    }

    /// Gives up when so much time has passed since the connection was lost.
    #[must_use]
    pub fn with_give_up_after(self, time: Duration) -> Self {
        Self { give_up_after: Some(time), ..self }
    }

    /// After how long a connection counts as a success, so that the next loss begins with the shortest wait again: a
    /// broker that accepts and throws out at once is not stormed.
    #[must_use]
    pub fn with_stable_after(self, time: Duration) -> Self {
        Self { stable_after: time, ..self }
    }

    /// [`connect`](crate::connect) too goes on trying after a failure that is transient. Otherwise it fails at once, which
    /// a person who types a wrong address prefers to waiting.
    #[must_use]
    pub fn with_first_retried(self) -> Self {
        Self { is_first_retried: true, ..self }
    }

    /// The seed of the jitter, so that a test can be replayed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    pub(crate) fn is_first_retried(&self) -> bool {
        self.is_first_retried
    }

    pub(crate) fn backoff(&self) -> Backoff {
        let random = self.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Backoff { policy: self.clone(), random, attempts: 0, lost_at: None, connected_at: None }
    }
}

/// How the policy stands in the life of one client.
#[derive(Debug)]
pub(crate) struct Backoff {
    policy: Reconnect,
    random: fastrand::Rng,
    /// In a row without a connection that held.
    attempts: u32,
    lost_at: Option<Instant>,
    connected_at: Option<Instant>,
}

impl Backoff {
    /// Attempts in a row that have been allowed.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(crate) fn handle_connected(&mut self, now: Instant) {
        self.connected_at = Some(now);
    }

    /// A connection or an attempt at one has failed: how long to wait for the next; `None` to give up.
    pub(crate) fn handle_failed(&mut self, now: Instant) -> Option<Duration> {
        let connected_at = self.connected_at.take();
        if connected_at.is_some_and(|at| now.duration_since(at) >= self.policy.stable_after) {
            self.attempts = 0;
        }
        if connected_at.is_some() {
            self.lost_at = None;
        }
        let lost_at = *self.lost_at.get_or_insert(now);
        if self.policy.attempts_max.is_some_and(|maximum| self.attempts >= maximum) {
            return None;
        }
        let wait = self.longest_wait().mul_f64(self.random.f64());
        let passed = now.duration_since(lost_at).saturating_add(wait);
        if self.policy.give_up_after.is_some_and(|time| passed > time) {
            return None;
        }
        self.attempts += 1;
        Some(wait)
    }

    fn longest_wait(&self) -> Duration {
        let Reconnect { initial, maximum, factor, .. } = self.policy;
        let grown =
            initial.as_secs_f64() * factor.max(1.0).powi(self.attempts.try_into().unwrap_or(i32::MAX));
        Duration::try_from_secs_f64(grown).map_or(maximum, |grown| grown.min(maximum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// So many waits in a row; time passes as they ask.
    fn waits(policy: &Reconnect, count: usize) -> Vec<Duration> {
        let (mut backoff, mut now) = (policy.backoff(), Instant::now());
        let mut waits = Vec::new();
        while waits.len() < count
            && let Some(wait) = backoff.handle_failed(now)
        {
            now += wait;
            waits.push(wait);
        }
        waits
    }

    #[test]
    fn waits_are_spread_evenly_below_a_bound_that_doubles() {
        let bounds = [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0];
        let mut sums = [0.0; 7];
        const SEEDS: u64 = 2_000;
        for seed in 0..SEEDS {
            let waits = waits(&Reconnect::default().with_seed(seed), bounds.len());
            for ((wait, bound), sum) in waits.iter().zip(bounds).zip(&mut sums) {
                assert!(wait.as_secs_f64() < bound, "seed {seed}: {wait:?} of {bound} s");
                *sum += wait.as_secs_f64() / bound;
            }
        }
        for (sum, bound) in sums.iter().zip(bounds) {
            let mean = sum / SEEDS as f64;
            assert!((0.47..0.53).contains(&mean), "below {bound} s the mean is {mean}");
        }
    }

    #[test]
    fn clients_that_lost_a_broker_together_come_back_apart() {
        let policy = Reconnect::default().with_delays(10 * SECOND, 10 * SECOND);
        let mut seconds = [0; 10];
        for seed in 0..500 {
            let wait = waits(&policy.clone().with_seed(seed), 1)[0];
            seconds[wait.as_secs() as usize] += 1;
        }
        assert!(seconds.iter().all(|clients| (25..80).contains(clients)), "of 500: {seconds:?}");
    }

    #[test]
    fn the_same_seed_waits_the_same() {
        let policy = Reconnect::default().with_seed(7);
        assert_eq!(waits(&policy, 10), waits(&policy, 10));
        assert_ne!(waits(&policy, 10), waits(&policy.with_seed(8), 10));
    }

    #[test]
    fn it_gives_up_as_told() {
        for (policy, at_most) in [
            (Reconnect::never(), 0),
            (Reconnect::default().with_attempts_max(3), 3),
            (Reconnect::default().with_give_up_after(Duration::ZERO), 0),
        ] {
            assert_eq!(waits(&policy.with_seed(1), 10).len(), at_most);
        }
        let policy = Reconnect::default().with_give_up_after(60 * SECOND);
        for seed in 0..100 {
            let waits = waits(&policy.clone().with_seed(seed), 1_000);
            assert!(waits.iter().sum::<Duration>() <= 60 * SECOND, "seed {seed}");
            assert!(waits.len() >= 3, "seed {seed}: {waits:?}");
        }
    }

    #[test]
    fn only_a_connection_that_held_sets_the_count_back() {
        let mut backoff = Reconnect::default().with_attempts_max(2).with_seed(1).backoff();
        let start = Instant::now();
        for _ in 0..2 {
            assert!(backoff.handle_failed(start).is_some());
            backoff.handle_connected(start);
        }
        assert_eq!(backoff.handle_failed(start + 4 * SECOND), None);
        backoff.handle_connected(start + 10 * SECOND);
        assert!(backoff.handle_failed(start + 15 * SECOND).is_some());
        assert_eq!(backoff.attempts(), 1);
    }

    #[test]
    fn a_wait_that_cannot_be_counted_is_the_longest() {
        let policy = Reconnect::default().with_factor(1e300).with_seed(1);
        assert!(waits(&policy, 100).iter().all(|wait| *wait <= 30 * SECOND));
        let shrinking = Reconnect::default().with_factor(0.0).with_seed(1);
        assert!(waits(&shrinking, 5).iter().all(|wait| !wait.is_zero()));
    }
}
