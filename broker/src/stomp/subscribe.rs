//! SUBSCRIBE and UNSUBSCRIBE: to topics, to queues, and durably.

use std::sync::Arc;

use tidewire_protocols::mqtt::{RetainHandling, SubscribeOptions};
use tidewire_protocols::stomp::{Command, Frame, Version};
use tidewire_protocols::topic::{TopicFilter, TopicFilterBuf};

use super::deliver::{AckMode, StompDeliver};
use super::destination::TEMP_QUEUE;
use super::refuse::Refusal;
use super::wanted::{Wanted, durable_name};
use super::{Context, Handled};
use crate::auth::Judgement;
use crate::broker::{ConsumeRequest, DurableRequest, SubscribeRefused, SubscribeRequest, durable_queue};
use crate::counters::RefusalReason;
use crate::message::{QUEUE_PREFIX, Qos};
use crate::queue::{Acknowledged, ConsumerTerms};
use crate::router::SubscriptionOptions;
use crate::session::SubscriptionKey;

/// Deliveries that a consumer is granted ahead of its socket where sending is acknowledging, if it does not say.
const AUTO_PREFETCH: usize = 128;

/// A subscription as the connection knows it.
#[derive(Debug)]
pub(super) struct Subscribed {
    filter: TopicFilterBuf,
    /// What the client asked for, where its session knows the subscription by another name: a durable one is a queue.
    asked_for: Option<TopicFilterBuf>,
    /// Its number within the session.
    pub(super) local: u32,
    /// The client did not ask for it: it waits for the replies to its requests.
    is_implicit: bool,
}

impl Subscribed {
    /// What the client asked for.
    pub(super) fn asked_for(&self) -> TopicFilter<'_> {
        self.asked_for.as_ref().unwrap_or(&self.filter).as_filter()
    }
}

impl Context<'_, '_, '_> {
    pub(super) fn handle_subscribe(mut self, frame: &Frame<'_>) -> Result<Handled, Refusal> {
        let headers = &frame.headers;
        let destination =
            headers.get("destination").ok_or_else(|| Refusal::missing(Command::Subscribe, "destination"))?;
        let id = headers.get("id");
        if id.is_none() && self.client.version > Version::V10 {
            return Err(Refusal::missing(Command::Subscribe, "id"));
        }
        let key = id.as_deref().unwrap_or(&destination);
        if destination.starts_with(TEMP_QUEUE) {
            self.end_implicit(&destination)?;
        }
        if self.client.subscriptions.contains_key(key) {
            let body =
                format!("The subscription {key} is there already: use another id, or UNSUBSCRIBE first.");
            return Err(Refusal::new("duplicate subscription", body));
        }
        let wanted = Wanted::read(headers, self.client.version, self.config.stomp.default_ack)?;
        let filter = self.names().filter(&destination)?;
        let filter = TopicFilter::parse(&filter)
            .map_err(|error| Refusal::new("bad destination", error.to_string()))?;
        match self.judge(filter, &destination) {
            Judgement::Denied => return self.denied("subscribe to", &destination),
            Judgement::AllowedInPart => {
                self.broker.guard(&self.client.session, &self.client.standing.rights, true);
            }
            Judgement::Allowed => {}
        }
        self.subscribe(key, id.as_deref(), &destination, filter, &wanted, false)?;
        Ok(Handled::Done)
    }

    /// Whether the client may subscribe to what a destination names. What is private to its connection, it always may.
    fn judge(&self, filter: TopicFilter<'_>, destination: &str) -> Judgement {
        match destination.starts_with(TEMP_QUEUE) {
            true => Judgement::Allowed,
            false => self.client.standing.judge_filter(filter),
        }
    }

    /// A request names a queue of this connection for its replies: whoever has not subscribed to that is taken to want
    /// them all the same, under the destination as their subscription.
    pub(super) fn await_replies(&mut self, destination: &str) -> Result<(), Refusal> {
        let filter = self.names().filter(destination)?;
        let filter = TopicFilter::parse(&filter)
            .map_err(|error| Refusal::new("bad reply-to header", error.to_string()))?;
        let is_there = self
            .client
            .subscriptions
            .values()
            .any(|subscribed| subscribed.filter.as_filter().as_str() == filter.as_str());
        if is_there || self.client.subscriptions.contains_key(destination) {
            return Ok(());
        }
        let wanted = Wanted {
            ack: AckMode::Auto,
            prefetch: 0,
            retain_handling: RetainHandling::DoNotSend,
            selection: None,
            durable: None,
            is_exclusive: false,
            is_auto_delete: false,
            is_browser: false,
            no_local: false,
        };
        self.subscribe(destination, Some(destination), destination, filter, &wanted, true)
    }

    fn end_implicit(&mut self, destination: &str) -> Result<(), Refusal> {
        match self.client.subscriptions.get(destination) {
            Some(subscribed) if subscribed.is_implicit => self.unsubscribe(destination),
            _ => Ok(()),
        }
    }

    fn subscribe(
        &mut self,
        key: &str,
        id: Option<&str>,
        destination: &str,
        filter: TopicFilter<'_>,
        wanted: &Wanted,
        is_implicit: bool,
    ) -> Result<(), Refusal> {
        let (local, prefetch) = {
            let mut state = self.client.session.lock();
            let deliver = state.deliver_as::<StompDeliver>();
            let added = deliver.map(|deliver| {
                let local =
                    deliver.add(id, destination, wanted.ack, wanted.prefetch, wanted.selection.clone());
                (local, deliver.prefetch(wanted.prefetch))
            });
            added.unwrap_or_default()
        };
        let asked_for = wanted.durable.is_some().then(|| filter.to_buf());
        let filter = match filter.as_str().strip_prefix(QUEUE_PREFIX) {
            Some(queue) => {
                let owner = destination.starts_with(TEMP_QUEUE).then(|| self.client.session.id());
                let terms = self.terms(wanted, local, prefetch);
                let subscription = request(filter, wanted, local);
                let request = ConsumeRequest { subscription, queue, owner, terms };
                let consumed = self.broker.consume(self.turn, &self.client.session, &request);
                consumed.map_err(|refused| refusal(refused, destination))?;
                filter.to_buf()
            }
            None => self.subscribe_to_topic(destination, filter, wanted, local, prefetch)?,
        };
        let subscribed = Subscribed { filter, asked_for, local, is_implicit };
        self.client.subscriptions.insert(key.into(), subscribed);
        Ok(())
    }

    /// Returns what the session knows the subscription by.
    fn subscribe_to_topic(
        &mut self,
        destination: &str,
        filter: TopicFilter<'_>,
        wanted: &Wanted,
        local: u32,
        prefetch: usize,
    ) -> Result<TopicFilterBuf, Refusal> {
        wanted.check_topic()?;
        let request = request(filter, wanted, local);
        let (broker, session) = (self.broker, Arc::clone(&self.client.session));
        let refused = |refused| refusal(refused, destination);
        let (filter, is_new) = match &wanted.durable {
            None => {
                broker.subscribe(self.turn, &session, request).map_err(refused)?;
                // Every subscription of a connection has an id of its own, so each is a new one.
                (filter.to_buf(), true)
            }
            Some(name) => {
                let queue = self.durable_queue(name)?;
                let selection = wanted.selection.clone();
                let durable = DurableRequest { queue: &queue, subscription: request, selection };
                let is_new = broker.bind_durable(self.turn, &durable).map_err(refused)?;
                let topic = format!("{QUEUE_PREFIX}{queue}");
                let filter = TopicFilter::parse(&topic)
                    .map_err(|error| Refusal::new("bad id header", error.to_string()))?;
                // What is not wanted does not get into its queue.
                let terms = self.terms(wanted, local, prefetch);
                let terms = ConsumerTerms { is_exclusive: true, selection: None, ..terms };
                let subscription = SubscribeRequest { filter, ..request };
                let consume = ConsumeRequest { subscription, queue: &queue, owner: None, terms };
                broker.consume(self.turn, &session, &consume).map_err(refused)?;
                (filter.to_buf(), is_new)
            }
        };
        let is_sent = match wanted.retain_handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        };
        if is_sent {
            broker.send_retained(self.turn, &session, request).map_err(|_| Refusal::not_stored())?;
        }
        Ok(filter)
    }

    fn terms(&self, wanted: &Wanted, local: u32, prefetch: usize) -> ConsumerTerms {
        let (acknowledged, prefetch) = match wanted.ack {
            AckMode::Auto if wanted.prefetch == 0 => (Acknowledged::BySending, AUTO_PREFETCH),
            AckMode::Auto => (Acknowledged::BySending, prefetch),
            AckMode::Client | AckMode::ClientIndividual => (Acknowledged::ByClient, prefetch),
        };
        ConsumerTerms {
            session: self.client.session.id(),
            local,
            qos: Qos::ExactlyOnce,
            identifiers: Default::default(),
            acknowledged,
            prefetch,
            selection: wanted.selection.clone(),
            is_exclusive: wanted.is_exclusive,
            is_auto_delete: wanted.is_auto_delete,
            is_browser: wanted.is_browser,
        }
    }

    fn durable_queue(&self, name: &str) -> Result<String, Refusal> {
        Ok(durable_queue(&self.client.standing, self.client_id()?, name))
    }

    fn client_id(&self) -> Result<&str, Refusal> {
        let body = "A durable subscription belongs to a client: name it with client-id:… in CONNECT.";
        let client_id = self.client.client_id.as_deref();
        client_id.ok_or_else(|| Refusal::new("a durable subscription needs a client-id", body))
    }

    /// UNSUBSCRIBE; with `durable:true` a durable subscription ends for good, whether this connection uses it or not.
    pub(super) fn handle_unsubscribe(mut self, frame: &Frame<'_>) -> Result<Handled, Refusal> {
        let key = match frame.headers.get("id") {
            None if self.client.version == Version::V10 => frame.headers.get("destination"),
            id => id,
        };
        let durable = durable_name(&frame.headers)?;
        let key = key.or_else(|| durable.as_deref().map(Into::into));
        let key = key.ok_or_else(|| Refusal::missing(Command::Unsubscribe, "id"))?;
        let is_there = self.client.subscriptions.contains_key(key.as_ref());
        if is_there {
            self.unsubscribe(&key)?;
        }
        let has_ended = match &durable {
            Some(name) => {
                let queue = self.durable_queue(name)?;
                self.broker.end_durable(self.turn, &queue)
            }
            None => false,
        };
        if !is_there && !has_ended {
            let body = format!("There is no subscription {key} in this connection.");
            return Err(Refusal::new("unknown subscription", body));
        }
        Ok(Handled::Done)
    }

    pub(super) fn unsubscribe(&mut self, key: &str) -> Result<(), Refusal> {
        let Some(Subscribed { filter, local, .. }) = self.client.subscriptions.remove(key) else {
            return Ok(());
        };
        let session = &self.client.session;
        let is_queue = filter.as_filter().as_str().starts_with(QUEUE_PREFIX);
        let result = match is_queue {
            true => {
                let key = SubscriptionKey { filter, local };
                self.broker.stop_consuming(self.turn, session, &key)
            }
            false => self.broker.unsubscribe(self.turn, session, filter.as_filter(), local),
        };
        result.map_err(|_| Refusal::not_stored())?;
        // After UNSUBSCRIBE no more messages come, those that wait included. [STOMP12-UNSUBSCRIBE-1]
        let returned = {
            let mut state = session.lock();
            let returned =
                state.deliver_as::<StompDeliver>().map(|deliver| deliver.remove(local)).unwrap_or_default();
            state.outbox.retain(|delivery| delivery.options.local != local);
            // What stands ready is on its way already; it must not follow the receipt.
            self.replies.promised().append(state.outbox.ready());
            returned
        };
        self.broker.give_back(self.turn, session, returned);
        Ok(())
    }
}

fn request<'f>(filter: TopicFilter<'f>, wanted: &Wanted, local: u32) -> SubscribeRequest<'f> {
    let (qos, no_local, retain_as_published) = (Qos::ExactlyOnce, wanted.no_local, false);
    let option_byte =
        SubscribeOptions { qos, no_local, retain_as_published, retain_handling: wanted.retain_handling }
            .as_u8();
    let options = SubscriptionOptions { qos, no_local, retain_as_published, identifier: None };
    SubscribeRequest { filter, options, option_byte, local, selector: None }
}

fn refusal(refused: SubscribeRefused, destination: &str) -> Refusal {
    match refused {
        SubscribeRefused::TooMany => {
            Refusal::new("too many subscriptions", "UNSUBSCRIBE from what is no longer needed first.")
                .because(RefusalReason::TooMany)
        }
        SubscribeRefused::SessionEnded => Refusal::new("session over", "Connect again."),
        SubscribeRefused::Exclusive => {
            let body =
                format!("{destination} has another consumer, and one of the two wants to be the only one.");
            Refusal::new("exclusive consumer", body)
        }
        SubscribeRefused::Private => {
            Refusal::new("private queue", format!("{destination} belongs to another connection."))
                .because(RefusalReason::NotAuthorized)
        }
        SubscribeRefused::Store(_) => Refusal::not_stored(),
    }
}
