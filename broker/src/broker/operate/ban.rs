//! Whom the operator keeps away: addresses, users, client identifiers. Such a ban holds until it is over, or is lifted, or
//! the broker stops. Addresses that are banned because logins failed are in `bans`; both are listed and lifted here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use parking_lot::Mutex;
use serde::Serialize;

use crate::address::{Address, parse_ip};
use crate::auth::Denial;
use crate::broker::Broker;
use crate::broker::inspect::Listed;
use crate::clock::{Now, Timestamp};
use crate::session::{Link, Session};

/// Bans at once: each is looked at when they are listed.
const BANS_MAX: usize = 10_000;

/// Who is kept away.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Banned {
    /// Whoever comes from there.
    Address(Address),
    /// Whoever logs in as this user.
    User(Arc<str>),
    /// Whoever uses this client identifier, or this client-id of STOMP.
    ClientId(Arc<str>),
}

/// A ban, as it is told to people.
#[derive(Clone, Debug, Serialize)]
pub struct BanSummary {
    /// Names the ban.
    pub id: BanId,
    /// The address, where it is about one; of IPv6 its /64.
    pub address: Option<String>,
    /// The user.
    pub user: Option<Arc<str>>,
    /// The client identifier.
    pub client_id: Option<Arc<str>>,
    /// Why, in words.
    pub reason: Option<Box<str>>,
    /// When it ends; none: never.
    pub until: Option<Timestamp>,
    /// `operator`, or `failures` where too many logins have failed.
    pub by: &'static str,
}

/// Names a ban; also its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BanId {
    /// The operator's, counted from 1.
    Operator(u64),
    /// An address from which too many logins have failed.
    Failures(Address),
}

/// There are as many bans as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {BANS_MAX} bans already: lift some first")]
pub struct TooManyBans;

/// The operator's bans.
#[derive(Debug, Default)]
pub struct Orders {
    bans: DashMap<Banned, Order>,
    /// How many there are: a map in pieces has to lock each to say so, and whoever connects asks.
    count: AtomicUsize,
    counting: Mutex<()>,
    given: AtomicU64,
}

#[derive(Clone, Debug)]
struct Order {
    number: u64,
    until: Option<Instant>,
    reason: Option<Box<str>>,
}

impl Orders {
    /// Whether somebody is kept away. Costs next to nothing while nobody is.
    fn holds(&self, banned: impl FnOnce() -> Banned, now: Instant) -> bool {
        self.has_any() && self.bans.get(&banned()).is_some_and(|order| !order.is_over(now))
    }

    fn has_any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Said after each change. The last who counts sees what all have changed.
    fn count(&self) {
        let _alone = self.counting.lock();
        self.count.store(self.bans.len(), Ordering::Relaxed);
    }

    /// Whether there was one of this number about `banned`, which is lifted.
    fn lift(&self, banned: &Banned, number: u64) -> bool {
        let lifted = self.bans.remove_if(banned, |_, order| order.number == number);
        self.count();
        lifted.is_some()
    }

    /// In place of one that there is about the same.
    fn give(
        &self,
        banned: Banned,
        until: Option<Instant>,
        reason: Option<Box<str>>,
        now: Instant,
    ) -> Result<Order, TooManyBans> {
        if self.bans.len() >= BANS_MAX {
            self.bans.retain(|_, order| !order.is_over(now));
            self.count();
        }
        if self.bans.len() >= BANS_MAX && !self.bans.contains_key(&banned) {
            return Err(TooManyBans);
        }
        let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        let order = Order { number, until, reason };
        self.bans.insert(banned, order.clone());
        self.count();
        Ok(order)
    }
}

impl Order {
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    fn describe(&self, banned: &Banned, now: Now) -> BanSummary {
        let mut summary = BanSummary::new(BanId::Operator(self.number), "operator");
        summary.reason = self.reason.clone();
        summary.until = self.until.map(|until| when(until, now));
        match banned {
            Banned::Address(address) => summary.address = Some(address.to_string()),
            Banned::User(user) => summary.user = Some(Arc::clone(user)),
            Banned::ClientId(client_id) => summary.client_id = Some(Arc::clone(client_id)),
        }
        summary
    }
}

impl Broker {
    /// Keeps somebody away from now on, for so long or for good, and ends the connections that there are. Returns the ban
    /// and how many were ended.
    ///
    /// # Errors
    ///
    /// [`TooManyBans`].
    pub fn ban(
        &self,
        banned: Banned,
        time: Option<Duration>,
        reason: Option<Box<str>>,
    ) -> Result<(BanSummary, usize), TooManyBans> {
        let now = self.now();
        // What lasts for longer than the clock goes lasts for ever.
        let until = time.and_then(|time| now.instant.checked_add(time));
        let order = self.orders.give(banned.clone(), until, reason, now.instant)?;
        tracing::info!(?banned, secs = time.map(|time| time.as_secs()), "banned by the operator");
        let hit = self.registry.all();
        let hit = hit.iter().filter(|session| banned.is_about(session) && self.kick(session));
        let kicked = hit.count();
        Ok((order.describe(&banned, now), kicked))
    }

    /// The first `limit` bans behind `after`: the operator's in the order in which they were given, then those of addresses
    /// from which too many logins have failed.
    pub fn list_bans(&self, after: Option<BanId>, limit: usize) -> Listed<BanSummary> {
        let now = self.now();
        let orders = self.orders.bans.iter().filter(|entry| !entry.is_over(now.instant));
        let mut all: Vec<_> = orders.map(|entry| entry.describe(entry.key(), now)).collect();
        all.extend(self.bans.all(now.instant).into_iter().map(|(address, until)| {
            let summary = BanSummary::new(BanId::Failures(address), "failures");
            BanSummary { address: Some(address.to_string()), until: Some(when(until, now)), ..summary }
        }));
        all.sort_unstable_by_key(|ban| ban.id);
        let mut listed = Listed::new();
        for ban in all {
            listed.count(after.is_none_or(|after| ban.id > after), limit, || ban);
        }
        listed
    }

    /// Lets somebody come again; whether there was such a ban.
    pub fn lift_ban(&self, id: BanId) -> bool {
        match id {
            BanId::Failures(address) => self.bans.forgive(address, self.now().instant),
            BanId::Operator(number) => {
                let is_it = |order: &Order| order.number == number && !order.is_over(self.now().instant);
                let bans = &self.orders.bans;
                let found = bans.iter().find(|entry| is_it(entry)).map(|entry| entry.key().clone());
                found.is_some_and(|banned| self.orders.lift(&banned, number))
            }
        }
    }

    /// Whether the operator lets nobody log in over `link`, whoever it is.
    pub(in crate::broker) fn keeps_away(&self, link: &Link, now: Instant) -> bool {
        self.orders.has_any() && address_of(link).is_some_and(|address| self.is_banned_address(address, now))
    }

    /// Whether the operator keeps this address away.
    pub fn is_banned_address(&self, address: Address, now: Instant) -> bool {
        self.orders.holds(|| Banned::Address(address), now)
    }

    /// Holds that the operator lets this client in.
    ///
    /// # Errors
    ///
    /// [`Denial::Banned`].
    pub(in crate::broker) fn check_client(
        &self,
        user: Option<&Arc<str>>,
        client_id: &Arc<str>,
        now: Instant,
    ) -> Result<(), Denial> {
        let is_user = user.is_some_and(|user| self.orders.holds(|| Banned::User(Arc::clone(user)), now));
        let is_banned = is_user || self.orders.holds(|| Banned::ClientId(Arc::clone(client_id)), now);
        if is_banned { Err(Denial::Banned) } else { Ok(()) }
    }
}

impl Banned {
    fn is_about(&self, session: &Session) -> bool {
        match self {
            Self::User(user) => session.owner() == Some(user),
            Self::Address(address) => {
                let link = session.lock().link.clone();
                link.and_then(|link| address_of(&link)) == Some(*address)
            }
            Self::ClientId(client_id) => {
                let link = session.lock().link.clone();
                let name = link.and_then(|link| link.client_id());
                session.key().client_id == *client_id || name.as_deref() == Some(&**client_id)
            }
        }
    }
}

impl BanId {
    /// Reads what [`BanId`] is written as.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(FAILURES) {
            Some(number) => Address::from_number(number.parse().ok()?).map(Self::Failures),
            None => text.parse().ok().map(Self::Operator),
        }
    }
}

impl std::fmt::Display for BanId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operator(number) => number.fmt(formatter),
            Self::Failures(address) => write!(formatter, "{FAILURES}{}", address.number()),
        }
    }
}

impl Serialize for BanId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl BanSummary {
    fn new(id: BanId, by: &'static str) -> Self {
        Self { id, address: None, user: None, client_id: None, reason: None, until: None, by }
    }
}

/// The address that a connection comes from, exempt from limits or not.
fn address_of(link: &Link) -> Option<Address> {
    let (address, _) = link.whence();
    address.and_then(|address| parse_ip(&address)).map(Address::from)
}

fn when(until: Instant, now: Now) -> Timestamp {
    Timestamp(now.unix_ms_after(until.saturating_duration_since(now.instant)))
}

/// What the id of an address's ban begins with.
const FAILURES: &str = "failures-";

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Banned {
        Banned::User(name.into())
    }

    #[test]
    fn a_ban_holds_until_it_is_over() {
        let (orders, start, hour) = (Orders::default(), Instant::now(), Duration::from_secs(3600));
        orders.give(user("ann"), Some(start + hour), None, start).unwrap();
        orders.give(user("bob"), None, None, start).unwrap();
        for (name, after, is_banned) in [
            ("ann", Duration::ZERO, true),
            ("ann", hour - Duration::from_secs(1), true),
            ("ann", hour, false),
            ("bob", 1000 * hour, true),
            ("carol", Duration::ZERO, false),
        ] {
            assert_eq!(orders.holds(|| user(name), start + after), is_banned, "{name} after {after:?}");
        }
        assert!(!orders.holds(|| Banned::ClientId("ann".into()), start), "a client identifier is no user");
        assert!(!orders.lift(&user("ann"), 2), "that is bob's");
        assert!(orders.lift(&user("bob"), 2) && !orders.holds(|| user("bob"), start));
        assert!(orders.holds(|| user("ann"), start) && orders.lift(&user("ann"), 1) && !orders.has_any());
    }

    #[test]
    fn there_may_be_so_many_and_what_is_over_makes_room() {
        let (orders, start) = (Orders::default(), Instant::now());
        let later = start + Duration::from_secs(1);
        orders.give(user("first"), Some(later), None, start).unwrap();
        for number in 1..BANS_MAX {
            orders.give(user(&number.to_string()), None, None, start).unwrap();
        }
        assert_eq!(orders.give(user("new"), None, None, start).map(|_| ()), Err(TooManyBans));
        assert!(orders.give(user("1"), None, None, start).is_ok(), "one that is there is given anew");
        assert!(orders.give(user("new"), None, None, later).is_ok());
    }

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let address = Address::from(parse_ip("192.0.2.1").unwrap());
        for id in [BanId::Operator(1), BanId::Operator(u64::MAX), BanId::Failures(address)] {
            assert_eq!(BanId::parse(&id.to_string()), Some(id));
        }
        for text in ["", "x", "-1", "failures-", "failures-0", "failures-x", "18446744073709551616"] {
            assert_eq!(BanId::parse(text), None, "{text:?}");
        }
    }
}
