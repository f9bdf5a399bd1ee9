//! Addresses from which too many logins have failed.
//!
//! ```text
//!   unknown ──a failure──▶ counted ──failures_max within failures_window──▶ banned ──ban_time──▶ unknown
//!      ▲                      │
//!      └──── failures_window ◀┘
//! ```
//!
//! A login clears nothing: whoever has an account of its own would log in between two guesses at another's.
//!
//! A network whose clients share an address shares its failures, too. What breaks a protocol's rules is no failed login:
//! it guesses nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::Broker;
use super::sweep::Sweep;
use crate::address::Address;
use crate::auth::Denial;
use crate::config::Limits;
use crate::session::Link;

/// Addresses that are remembered. While there are more, further ones are not counted, so that whoever owns millions of
/// addresses cannot fill the memory.
const ADDRESSES_MAX: usize = 100_000;

/// See the module.
#[derive(Debug)]
pub struct Bans {
    rules: ArcSwap<Rules>,
    records: DashMap<Address, Record>,
    sweep: Sweep,
    is_full: AtomicBool,
}

/// When an address is banned, and for how long.
#[derive(Clone, Copy, Debug)]
struct Rules {
    failures_max: u32,
    failures_window: Duration,
    ban_time: Duration,
}

impl Rules {
    fn of(limits: &Limits) -> Self {
        Self {
            failures_max: limits.failures_max,
            failures_window: limits.failures_window.0,
            ban_time: limits.ban_time.0,
        }
    }
}

/// What is remembered of an address; it is banned with so many failures as there may be.
#[derive(Debug)]
struct Record {
    failures: u32,
    /// When it is forgotten.
    until: Instant,
}

impl Bans {
    /// Nobody is banned; with `limits.failures_max = 0` nobody ever is.
    pub fn new(limits: &Limits) -> Self {
        Self {
            rules: ArcSwap::from_pointee(Rules::of(limits)),
            records: DashMap::new(),
            sweep: Sweep::default(),
            is_full: AtomicBool::new(false),
        }
    }

    /// Changes what a ban takes, from the next failure on; with fewer failures allowed, who has as many is banned for the
    /// rest of the window.
    pub fn set_rules(&self, limits: &Limits) {
        self.rules.store(Arc::new(Rules::of(limits)));
    }

    /// Counts a login from `address` that failed; whether the address is banned from now on.
    pub fn note_failure(&self, address: Address, now: Instant) -> bool {
        let Rules { failures_max, failures_window, ban_time } = **self.rules.load();
        if failures_max == 0 {
            return false;
        }
        if self.sweep.is_due() {
            self.records.retain(|_, record| record.until > now);
            self.is_full.store(self.records.len() >= ADDRESSES_MAX, Ordering::Relaxed);
        }
        let counted = || Record { failures: 0, until: now + failures_window };
        let mut record = match self.records.entry(address) {
            Entry::Occupied(entry) => entry.into_ref(),
            Entry::Vacant(_) if self.is_full.load(Ordering::Relaxed) => return false,
            Entry::Vacant(entry) => entry.insert(counted()),
        };
        if record.until <= now {
            *record = counted();
        }
        // Connections that were open before the ban may fail still.
        if record.failures >= failures_max {
            return false;
        }
        record.failures += 1;
        let is_banned = record.failures >= failures_max;
        if is_banned {
            record.until = now + ban_time;
        }
        is_banned
    }

    /// How long `address` is banned yet; `None` if it is not.
    pub fn check(&self, address: Address, now: Instant) -> Option<Duration> {
        let record = self.records.get(&address).filter(|record| self.is_banned(record, now))?;
        record.until.checked_duration_since(now)
    }

    /// Every address that is banned, and until when.
    pub(super) fn all(&self, now: Instant) -> Vec<(Address, Instant)> {
        let banned = self.records.iter().filter(|record| self.is_banned(record, now));
        banned.map(|record| (*record.key(), record.until)).collect()
    }

    /// Forgets what has failed from an address, if it is banned; whether it was.
    pub(super) fn forgive(&self, address: Address, now: Instant) -> bool {
        self.records.remove_if(&address, |_, record| self.is_banned(record, now)).is_some()
    }

    /// Where nobody is to be banned any more, those who were are not, either.
    fn is_banned(&self, record: &Record, now: Instant) -> bool {
        let failures_max = self.rules.load().failures_max;
        failures_max > 0 && record.failures >= failures_max && record.until > now
    }
}

impl Broker {
    /// A login over `link` failed, with credentials that are wrong. Where the connection comes from an address that is
    /// exempt, or from none, that has no consequence.
    pub fn note_failed_login(&self, link: &Link, now: Instant) {
        let Some(address) = link.address() else { return };
        if self.bans.note_failure(address, now) {
            self.counters.banned.add(1);
            let Rules { failures_max: failures, ban_time, .. } = **self.bans.rules.load();
            let secs = ban_time.as_secs();
            tracing::warn!(%link, %address, failures, secs, "banned, since too many logins failed");
        }
    }

    /// What a client gave over `link` to prove itself was refused. Where it is wrong, that is a failed login, whether the
    /// client connects or renews itself.
    pub fn note_denial(&self, link: &Link, denial: &Denial, now: Instant) {
        if let Denial::Wrong(_) = denial {
            self.note_failed_login(link, now);
        }
    }

    /// For how many seconds nobody may log in over `link` yet: its address was banned since the connection was opened.
    pub(super) fn ban_secs(&self, link: &Link, now: Instant) -> Option<u128> {
        let rest = self.bans.check(link.address()?, now)?;
        Some(rest.as_millis().div_ceil(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::sweep;
    use crate::config::Span;

    const SECOND: Duration = Duration::from_secs(1);

    fn bans(failures_max: u32) -> Bans {
        let failures_window = Span(60 * SECOND);
        Bans::new(&Limits {
            failures_max,
            failures_window,
            ban_time: Span(300 * SECOND),
            ..Limits::default()
        })
    }

    fn address(number: u64) -> Address {
        Address::from_number(number).unwrap()
    }

    #[test]
    fn so_many_failures_in_time_ban_an_address_for_a_time() {
        let (bans, start) = (bans(3), Instant::now());
        assert!(!bans.note_failure(address(1), start));
        assert!(!bans.note_failure(address(1), start + 30 * SECOND));
        assert_eq!(bans.check(address(1), start + 59 * SECOND), None);
        assert!(bans.note_failure(address(1), start + 59 * SECOND), "the ban begins");
        assert!(!bans.note_failure(address(1), start + 60 * SECOND), "and begins once");
        assert_eq!(bans.check(address(1), start + 59 * SECOND), Some(300 * SECOND));
        assert_eq!(bans.check(address(1), start + 358 * SECOND), Some(SECOND));
        assert_eq!(bans.check(address(1), start + 359 * SECOND), None);
        assert_eq!(bans.check(address(2), start + 59 * SECOND), None, "another address");
        // Whoever comes back begins anew.
        assert!(!bans.note_failure(address(1), start + 359 * SECOND));
    }

    #[test]
    fn failures_are_forgotten() {
        let (bans, start) = (bans(2), Instant::now());
        bans.note_failure(address(1), start);
        assert!(!bans.note_failure(address(1), start + 60 * SECOND), "with the window");
        assert!(bans.note_failure(address(1), start + 61 * SECOND), "and counted anew");
    }

    #[test]
    fn bans_can_be_turned_off() {
        let (bans, now) = (bans(0), Instant::now());
        assert!((0..100).all(|_| !bans.note_failure(address(1), now)));
        assert_eq!(bans.check(address(1), now), None);
        assert!(bans.records.is_empty());
    }

    #[test]
    fn other_rules_hold_at_once() {
        let (bans, now) = (bans(1), Instant::now());
        assert!(bans.note_failure(address(1), now));
        bans.set_rules(&Limits { failures_max: 0, ..Limits::default() });
        assert_eq!(bans.check(address(1), now), None);
        bans.set_rules(&Limits { failures_max: 2, ban_time: Span(7 * SECOND), ..Limits::default() });
        assert!(bans.note_failure(address(1), now), "the first failure was counted before");
        assert_eq!(bans.check(address(1), now), Some(7 * SECOND));
    }

    #[test]
    fn what_is_over_is_swept_out() {
        let (bans, start) = (bans(1), Instant::now());
        let few = u64::from(sweep::ENTRIES);
        for number in 1..few {
            bans.note_failure(address(number), start);
        }
        assert_eq!(bans.records.len() as u64, few - 1);
        bans.note_failure(address(few), start + 300 * SECOND);
        assert_eq!(bans.records.len(), 1);
    }

    #[test]
    fn so_many_addresses_are_remembered() {
        let (bans, now) = (bans(2), Instant::now());
        for number in 1..200_000 {
            bans.note_failure(address(number), now);
        }
        let remembered = bans.records.len();
        assert!(
            (ADDRESSES_MAX..ADDRESSES_MAX + sweep::ENTRIES as usize).contains(&remembered),
            "{remembered}"
        );
        assert!(bans.note_failure(address(1), now), "those that are known are counted on");
    }
}
