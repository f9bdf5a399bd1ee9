//! Subscriptions, session by session.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::Serialize;
use tidewire_protocols::topic::TopicNameBuf;

use super::Listed;
use super::sessions::kind_name;
use crate::broker::Broker;
use crate::session::Session;

/// One subscription.
#[derive(Clone, Debug, Serialize)]
pub struct SubscriptionSummary {
    /// Whose it is.
    pub client_id: Arc<str>,
    /// `mqtt`, `stomp` or `durable-subscription`.
    pub protocol: &'static str,
    /// The filter as it was given, `$share` included; `$queue/` stands before a work queue's name.
    pub filter: Box<str>,
    /// The group, where it is shared.
    pub share: Option<Box<str>>,
    /// The highest QoS that it takes.
    pub qos: u8,
    /// Its own publications do not come back to it.
    pub no_local: bool,
    /// RETAIN is passed on as it was published.
    pub retain_as_published: bool,
    /// MQTT 5's subscription identifier.
    pub identifier: Option<NonZeroU32>,
    /// Where it stands among all.
    #[serde(skip)]
    pub place: SubscriptionPlace,
}

/// A subscription's place in the order of all: by session, and within it by filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubscriptionPlace {
    /// The session's number.
    pub session: u64,
    /// The filter.
    pub filter: Box<str>,
    /// The number that tells it from others of its filter.
    pub local: u32,
}

/// Which subscriptions are wanted; what is not said makes no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// With this very filter.
    pub filter: Option<String>,
    /// Of this client.
    pub client_id: Option<String>,
    /// That a message published to this topic would go to.
    pub topic: Option<TopicNameBuf>,
}

impl Broker {
    /// The first `limit` subscriptions behind `after`. Without a filter that takes time for those, and for the sessions between
    /// them that have none; with a client identifier for the client's. Else each subscription is looked at, since all that
    /// match are counted.
    pub fn list_subscriptions(
        &self,
        filter: &SubscriptionFilter,
        after: &SubscriptionPlace,
        limit: usize,
    ) -> Listed<SubscriptionSummary> {
        let mut listed = Listed::new();
        if *filter == SubscriptionFilter::default() {
            self.list_all_subscriptions(&mut listed, after, limit);
            listed.total = self.subscription_count() + self.queue_subscriptions.value() as usize;
            return listed;
        }
        for session in self.sessions_of(filter.client_id.as_deref()) {
            for found in of_session(&session, |found| filter.admits(found)) {
                listed.count(found.place > *after, limit, || found);
            }
        }
        listed
    }

    /// Goes from session to session until the page is full, and it is known whether there is more.
    fn list_all_subscriptions(
        &self,
        listed: &mut Listed<SubscriptionSummary>,
        after: &SubscriptionPlace,
        limit: usize,
    ) {
        let mut first = after.session;
        loop {
            let sessions = self.registry.from_number(first, limit.saturating_add(1));
            let Some(last) = sessions.last() else { return };
            first = last.id().0.saturating_add(1);
            for session in sessions {
                for found in of_session(&session, |_| true) {
                    listed.count(found.place > *after, limit, || found);
                }
                if listed.has_more {
                    return;
                }
            }
        }
    }
}

/// Those of one session that are wanted, in order.
pub(super) fn of_session(
    session: &Session,
    is_wanted: impl Fn(&tidewire_protocols::topic::TopicFilter<'_>) -> bool,
) -> Vec<SubscriptionSummary> {
    let key = session.key();
    let state = session.lock();
    let wanted = state.subscriptions.iter().filter(|(filter, ..)| is_wanted(filter));
    let mut found: Vec<_> = wanted
        .map(|(filter, local, options)| {
            let text: Box<str> = filter.as_str().into();
            SubscriptionSummary {
                client_id: Arc::clone(&key.client_id),
                protocol: kind_name(key.protocol),
                filter: text.clone(),
                share: filter.share_name().map(Into::into),
                qos: options.qos as u8,
                no_local: options.no_local,
                retain_as_published: options.retain_as_published,
                identifier: options.identifier,
                place: SubscriptionPlace { session: session.id().0, filter: text, local },
            }
        })
        .collect();
    drop(state);
    found.sort_unstable_by(|one, other| one.place.cmp(&other.place));
    found
}

impl SubscriptionFilter {
    fn admits(&self, found: &tidewire_protocols::topic::TopicFilter<'_>) -> bool {
        self.filter.as_deref().is_none_or(|wanted| wanted == found.as_str())
            && self.topic.as_ref().is_none_or(|topic| found.matches(topic.as_name()))
    }
}
