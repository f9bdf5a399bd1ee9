//! How fast connections may come from each address.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::sweep::Sweep;
use crate::address::Address;
use crate::clock::Clock;

/// See the module. An address may open so many connections at once, and then one whenever the rate has made room for it.
/// What is known of an address is forgotten once it may open as many as ever.
pub struct Arrivals<C: GovernorClock = Clock> {
    limits: ArcSwap<Limits<C>>,
    clock: C,
    sweep: Sweep,
    logged: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
}

/// How fast they may come, and who has come of late; nobody is remembered where any number may.
struct Limits<C: GovernorClock> {
    rate: u32,
    burst: u32,
    limiter: Option<Limiter<C>>,
}

type Limiter<C> =
    RateLimiter<Address, DashMapStateStore<Address>, C, NoOpMiddleware<<C as GovernorClock>::Instant>>;

impl<C: GovernorClock + Clone> Arrivals<C> {
    /// Connections a second, any number where that is 0, and at once.
    pub fn new(rate: u32, burst: u32, clock: C) -> Self {
        Self {
            limits: ArcSwap::from_pointee(Limits::new(rate, burst, clock.clone())),
            clock: clock.clone(),
            sweep: Sweep::default(),
            logged: RateLimiter::direct_with_clock(Quota::per_second(NonZeroU32::MIN), clock),
        }
    }

    /// Changes the rate, as [`Arrivals::new`] has it. Where it is another one, all may open as many as ever.
    pub fn set_rate(&self, rate: u32, burst: u32) {
        let limits = self.limits.load();
        if (limits.rate, limits.burst) != (rate, burst) {
            self.limits.store(Arc::new(Limits::new(rate, burst, self.clock.clone())));
        }
    }

    /// Takes note of a connection from `address`, if it may open one.
    ///
    /// # Errors
    ///
    /// How long it takes until it may.
    pub fn enter(&self, address: Address) -> Result<(), Duration> {
        let limits = self.limits.load();
        let Some(limiter) = &limits.limiter else { return Ok(()) };
        if self.sweep.is_due() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        limiter.check_key(&address).map_err(|until| until.wait_time_from(limiter.clock().now()))
    }

    /// Whether one more refusal may be logged: of those that a flood brings, one a second is enough.
    pub fn may_log(&self) -> bool {
        self.logged.check().is_ok()
    }
}

impl<C: GovernorClock + Clone> Limits<C> {
    fn new(rate: u32, burst: u32, clock: C) -> Self {
        let quota = NonZeroU32::new(rate).zip(NonZeroU32::new(burst));
        let quota = quota.map(|(rate, burst)| Quota::per_second(rate).allow_burst(burst));
        let limiter = quota.map(|quota| RateLimiter::dashmap_with_clock(quota, clock));
        Self { rate, burst, limiter }
    }
}

impl<C: GovernorClock> fmt::Debug for Arrivals<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.limits.load().limiter.as_ref().map(RateLimiter::len);
        formatter.debug_struct("Arrivals").field("addresses", &addresses).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::super::sweep;
    use super::*;

    fn address(number: u64) -> Address {
        Address::from_number(number).unwrap()
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn an_address_has_its_burst_and_then_its_rate() {
        let clock = FakeRelativeClock::default();
        let arrivals = Arrivals::new(10, 3, clock.clone());
        for _ in 0..3 {
            assert_eq!(arrivals.enter(address(1)), Ok(()));
        }
        assert_eq!(arrivals.enter(address(1)), Err(100 * MS));
        assert_eq!(arrivals.enter(address(2)), Ok(()), "another address");
        clock.advance(99 * MS);
        assert_eq!(arrivals.enter(address(1)), Err(MS));
        clock.advance(MS);
        assert_eq!(arrivals.enter(address(1)), Ok(()));
        assert_eq!(arrivals.enter(address(1)), Err(100 * MS), "who was refused owes nothing for it");
        clock.advance(300 * MS);
        for _ in 0..3 {
            assert_eq!(arrivals.enter(address(1)), Ok(()));
        }
        assert!(arrivals.enter(address(1)).is_err());
    }

    #[test]
    fn another_rate_holds_at_once_and_the_same_one_changes_nothing() {
        let clock = FakeRelativeClock::default();
        let arrivals = Arrivals::new(10, 1, clock);
        assert_eq!(arrivals.enter(address(1)), Ok(()));
        arrivals.set_rate(10, 1);
        assert_eq!(arrivals.enter(address(1)), Err(100 * MS), "what was known is known still");
        arrivals.set_rate(10, 2);
        assert_eq!((0..2).map(|_| arrivals.enter(address(1))).filter(Result::is_ok).count(), 2);
        assert!(arrivals.enter(address(1)).is_err());
        arrivals.set_rate(0, 2);
        assert_eq!(arrivals.enter(address(1)), Ok(()));
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let arrivals = Arrivals::new(0, 1, FakeRelativeClock::default());
        assert!((0..1000).all(|_| arrivals.enter(address(1)).is_ok()));
    }

    #[test]
    fn addresses_that_may_do_all_again_are_forgotten() {
        let clock = FakeRelativeClock::default();
        let arrivals = Arrivals::new(10, 3, clock.clone());
        let addresses = || arrivals.limits.load().limiter.as_ref().unwrap().len();
        for number in 1..u64::from(sweep::ENTRIES) {
            arrivals.enter(address(number)).unwrap();
        }
        clock.advance(200 * MS);
        (0..3).for_each(|_| arrivals.enter(address(1)).unwrap());
        assert_eq!(addresses(), 1);
        assert!(arrivals.enter(address(1)).is_err(), "who may not is remembered");
    }

    #[test]
    fn one_refusal_a_second_is_logged() {
        let clock = FakeRelativeClock::default();
        let arrivals = Arrivals::new(1, 1, clock.clone());
        assert!(arrivals.may_log() && !arrivals.may_log());
        clock.advance(1000 * MS);
        assert!(arrivals.may_log() && !arrivals.may_log());
    }
}
