//! How a connected client stands: who it is, what it may do, and until when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidewire_protocols::topic::TopicFilter;

use super::rights::is_own_affair;
use super::{Broker, Visit};
use crate::auth::{Arrival, Authority, Denial, Identity, Judgement, Method, PermitCounts, Rights, Vouched};
use crate::clock::Now;
use crate::counters::Counters;
use crate::session::WillJudge;

/// A connection may renew itself once in this time. What comes sooner is refused before anybody is asked and anybody told:
/// either is more work than the sending.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(1);

/// So many may come at once, so that a client may send a right token behind a wrong one.
const RENEWALS_AT_ONCE: u32 = 3;

/// See the module.
#[derive(Debug)]
pub struct Standing {
    known: Box<Known>,
    /// What it may do.
    pub rights: Rights,
    /// Boxed, since most clients prove themselves by what does not expire.
    expiry: Option<Box<Expiry>>,
}

/// What is known of a client; boxed, since it is not looked at for long times.
#[derive(Debug)]
struct Known {
    identity: Identity,
    /// When the tokens that it has sent are worked off, at one in [`RENEWAL_INTERVAL`].
    renewals_until: Option<Instant>,
    /// Its place among its user's connections.
    _visit: Option<Visit<Arc<str>>>,
}

#[derive(Debug)]
struct Expiry {
    ends_at: Instant,
    /// When the client is told; `None` once it was.
    notice_at: Option<Instant>,
}

/// What has come due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandingDue {
    /// Nothing.
    Nothing,
    /// The client is to be told that its time ends soon.
    Notice,
    /// Its time is over.
    Over,
}

impl Broker {
    /// Lets a client in that was vouched for.
    ///
    /// # Errors
    ///
    /// The operator or a rule keeps it away. It was vouched for under another client identifier, or before users changed so
    /// that it would not be any more; its time is over already, or its user has as many connections as one may have.
    pub fn let_in(
        &self,
        now: Now,
        vouched: Vouched,
        arrival: &Arrival,
        client_id: Arc<str>,
    ) -> Result<Standing, Denial> {
        check_client_id(&vouched, &client_id)?;
        self.check_client(vouched.user.as_ref(), &client_id, now.instant)?;
        let visit = match &vouched.user {
            Some(user) => {
                let max = self.config().limits.connections_per_user_max;
                Some(self.users.enter(Arc::clone(user), max).ok_or(Denial::TooMany)?)
            }
            None => None,
        };
        let (address, listener) = (arrival.address, Arc::clone(&arrival.listener));
        let identity = Identity { vouched, client_id, address, listener };
        // As if it had been asked for only now.
        if !self.authority.still_admits(&identity) {
            return Err(Denial::wrong_password());
        }
        let expiry = Expiry::of(&identity, now, self.config().auth.expiry_notice.0)?;
        let rights = self.authority.rights(&identity);
        check_rights(&rights)?;
        Ok(Standing {
            known: Box::new(Known { identity, renewals_until: None, _visit: visit }),
            rights,
            expiry,
        })
    }
}

impl Standing {
    /// The client begins to renew itself, by a token or by AUTH.
    ///
    /// # Errors
    ///
    /// [`Denial::Busy`]: it does so more often than once a second.
    pub fn begin_renewal(&mut self, now: Instant) -> Result<(), Denial> {
        let until = self.known.renewals_until.map_or(now, |until| until.max(now));
        if until - now > RENEWAL_INTERVAL * (RENEWALS_AT_ONCE - 1) {
            return Err(Denial::Busy);
        }
        self.known.renewals_until = Some(until + RENEWAL_INTERVAL);
        Ok(())
    }

    /// Goes on with what the client was vouched for anew. Its subscriptions have to be looked at again.
    ///
    /// # Errors
    ///
    /// It is for another user or client, its time is over, or the client would not be let in any more. Everything stays as
    /// it was.
    pub fn renew(&mut self, broker: &Broker, now: Now, vouched: Vouched) -> Result<(), Denial> {
        let own = &self.known.identity;
        if vouched.user != own.vouched.user {
            // In the words for what is wrong: another user's password is not found out by trying to become that user.
            return Err(Denial::wrong_password());
        }
        check_client_id(&vouched, &own.client_id)?;
        let identity = Identity { vouched, ..own.clone() };
        check_admitted(broker.authority.as_ref(), &identity)?;
        let rights = broker.authority.rights(&identity);
        check_rights(&rights)?;
        self.expiry = Expiry::of(&identity, now, broker.config().auth.expiry_notice.0)?;
        self.rights = rights;
        self.known.identity = identity;
        Ok(())
    }

    /// Users or rules have changed: decides anew what the client may do.
    ///
    /// # Errors
    ///
    /// It would not be let in any more.
    pub fn reconsider(&mut self, authority: &dyn Authority) -> Result<(), Denial> {
        check_admitted(authority, &self.known.identity)?;
        let rights = authority.rights(&self.known.identity);
        check_rights(&rights)?;
        self.rights = rights;
        Ok(())
    }

    /// Says later whether the client may publish its will still.
    pub fn will_judge(&self, authority: &Arc<dyn Authority>) -> WillJudge {
        let (authority, identity) = (Arc::clone(authority), self.known.identity.clone());
        WillJudge::new(move |message| {
            let (mut rights, publication) = (authority.rights(&identity), message.publication());
            let may_connect = authority.still_admits(&identity) && rights.may_connect();
            may_connect && rights.may_publish(publication.topic, publication.retain)
        })
    }

    /// Whether the client may subscribe to a filter, or consume from the queue that it names. What the broker has to say
    /// to the client itself, it may always hear.
    pub fn judge_filter(&self, filter: TopicFilter<'_>) -> Judgement {
        match is_own_affair(filter) {
            true => Judgement::Allowed,
            false => self.rights.judge_filter(filter),
        }
    }

    /// Adds to `counters` how often rules were walked since this was called last.
    #[inline]
    pub fn count(&mut self, counters: &Counters) {
        if let Some(PermitCounts { judged, remembered }) = self.rights.take_counts() {
            counters.permits_judged.add(judged.into());
            counters.permits_remembered.add(remembered.into());
        }
    }

    /// The user, unless it is anonymous.
    pub fn user(&self) -> Option<&Arc<str>> {
        self.known.identity.user()
    }

    /// The same, for logs.
    pub fn user_name(&self) -> Option<&str> {
        self.user().map(|user| &**user)
    }

    /// The name of the listener that it came by.
    pub fn listener(&self) -> &Arc<str> {
        &self.known.identity.listener
    }

    /// Whether it is whoever runs the broker, who has come by the admin listener.
    pub fn is_operator(&self) -> bool {
        self.known.identity.vouched.method == Method::Operator
    }

    /// When its time is over, in seconds since the Unix epoch.
    pub fn expires_at(&self) -> Option<u64> {
        self.known.identity.expires_at()
    }

    /// When [`Standing::handle_time`] is wanted.
    pub fn next(&self) -> Option<Instant> {
        let expiry = self.expiry.as_deref()?;
        Some(expiry.notice_at.unwrap_or(expiry.ends_at))
    }

    /// Says what has come due; each notice is said once.
    pub fn handle_time(&mut self, now: Instant) -> StandingDue {
        let Some(expiry) = self.expiry.as_deref_mut() else { return StandingDue::Nothing };
        if expiry.ends_at <= now {
            return StandingDue::Over;
        }
        match expiry.notice_at.take_if(|notice_at| *notice_at <= now) {
            Some(_) => StandingDue::Notice,
            None => StandingDue::Nothing,
        }
    }
}

impl Expiry {
    fn of(identity: &Identity, now: Now, notice: Duration) -> Result<Option<Box<Self>>, Denial> {
        let Some(expires_at) = identity.expires_at() else { return Ok(None) };
        let left = expires_at.saturating_mul(1000).saturating_sub(now.unix_ms);
        if left == 0 {
            return Err(Denial::Wrong("the token has expired".into()));
        }
        // What lasts for longer than the clock goes lasts for ever.
        let Some(ends_at) = now.instant.checked_add(Duration::from_millis(left)) else { return Ok(None) };
        let notice_at = ends_at.checked_sub(notice).filter(|_| !notice.is_zero());
        Ok(Some(Box::new(Self { ends_at, notice_at: notice_at.map(|at| at.max(now.instant)) })))
    }
}

fn check_admitted(authority: &dyn Authority, identity: &Identity) -> Result<(), Denial> {
    match authority.still_admits(identity) {
        true => Ok(()),
        false => Err(Denial::Forbidden("this user may not connect any more".into())),
    }
}

fn check_rights(rights: &Rights) -> Result<(), Denial> {
    match rights.may_connect() {
        true => Ok(()),
        false => {
            Err(Denial::Forbidden("this user may not connect, or not with this client identifier".into()))
        }
    }
}

fn check_client_id(vouched: &Vouched, client_id: &str) -> Result<(), Denial> {
    let bound_to = vouched.claims.as_ref().and_then(|claims| claims.client_id.as_deref());
    match bound_to.is_none_or(|bound_to| bound_to == client_id) {
        true => Ok(()),
        false => Err(Denial::Forbidden("the token is for another client identifier".into())),
    }
}
