//! How fast connections may come from each address.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

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
    limiter: Option<Limiter<C>>,
    sweep: Sweep,
    logged: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
}

type Limiter<C> =
    RateLimiter<Address, DashMapStateStore<Address>, C, NoOpMiddleware<<C as GovernorClock>::Instant>>;

impl<C: GovernorClock + Clone> Arrivals<C> {
    /// Connections a second, any number where that is 0, and at once.
    pub fn new(rate: u32, burst: u32, clock: C) -> Self {
        let quota = NonZeroU32::new(rate).zip(NonZeroU32::new(burst));
        let quota = quota.map(|(rate, burst)| Quota::per_second(rate).allow_burst(burst));
        Self {
            limiter: quota.map(|quota| RateLimiter::dashmap_with_clock(quota, clock.clone())),
            sweep: Sweep::default(),
            logged: RateLimiter::direct_with_clock(Quota::per_second(NonZeroU32::MIN), clock),
        }
    }

    /// Takes note of a connection from `address`, if it may open one.
    ///
    /// # Errors
    ///
    /// How long it takes until it may.
    pub fn enter(&self, address: Address) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
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

impl<C: GovernorClock> fmt::Debug for Arrivals<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.limiter.as_ref().map(RateLimiter::len);
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
    fn without_a_rate_there_is_no_limit() {
        let arrivals = Arrivals::new(0, 1, FakeRelativeClock::default());
        assert!((0..1000).all(|_| arrivals.enter(address(1)).is_ok()));
    }

    #[test]
    fn addresses_that_may_do_all_again_are_forgotten() {
        let clock = FakeRelativeClock::default();
        let arrivals = Arrivals::new(10, 3, clock.clone());
        let addresses = || arrivals.limiter.as_ref().unwrap().len();
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
