//! A connected client proves anew who it is, by a token that it sends to `/auth/token`. And what follows when its rights
//! change, or its time ends.

use tidewire_protocols::stomp::Frame;

use super::refuse::Refusal;
use super::{Context, Handled, State, Stomp};
use crate::auth::{Denial, Judgement, Vouched};
use crate::broker::{Answer, Asked};
use crate::message::QUEUE_PREFIX;
use crate::turn::Turn;

/// A renewal whose answer has not come yet.
pub(super) struct Renewal {
    answer: Answer,
    receipt: Option<Box<str>>,
}

impl Context<'_, '_, '_> {
    /// SEND of a new token.
    pub(super) fn handle_token(mut self, frame: &Frame<'_>) -> Result<Handled, Refusal> {
        if let Err(denial) = self.client.standing.begin_renewal(self.turn.now.instant) {
            return self.refuse_renewal(denial);
        }
        let check = match std::str::from_utf8(frame.body) {
            Ok(token) => self.broker.authority.examine_token(token.trim(), self.turn.now.unix_secs()),
            Err(_) => Denial::Wrong("a token is text".into()).into(),
        };
        match self.broker.ask(check, self.link) {
            Asked::Answered(answer) => self.conclude_renewal(answer),
            Asked::Waiting(answer) => {
                let receipt = frame.headers.get("receipt").map(|receipt| receipt.as_ref().into());
                self.client.renewal = Some(Box::new(Renewal { answer, receipt }));
                Ok(Handled::Later)
            }
        }
    }

    /// The client is who it was, or is told that it is not.
    fn conclude_renewal(&mut self, answer: Result<Vouched, Denial>) -> Result<Handled, Refusal> {
        let now = self.turn.now;
        match answer.and_then(|vouched| self.client.standing.renew(self.broker, now, vouched)) {
            Ok(()) => {
                self.review();
                Ok(Handled::Done)
            }
            Err(denial) => {
                self.broker.note_denial(self.link, &denial, now.instant);
                self.broker.tell_refused(self.turn, &self.client.session, &denial);
                self.refuse_renewal(denial)
            }
        }
    }

    /// As any frame that is not allowed, and why.
    fn refuse_renewal(&self, denial: Denial) -> Result<Handled, Refusal> {
        match self.denied("renew itself at", "/auth/token") {
            Err(_) => Err(denial.into()),
            ignored => ignored,
        }
    }

    /// Looks at everything that the client has, takes what it may not have any more, and tells it so.
    fn review(&mut self) {
        let (mut denied, mut is_partial) = (Vec::new(), false);
        for (key, subscribed) in &self.client.subscriptions {
            let filter = subscribed.asked_for();
            // What is private to the connection stays.
            if filter.as_str().strip_prefix(QUEUE_PREFIX).is_some_and(|queue| self.is_own(queue)) {
                continue;
            }
            match self.client.standing.judge_filter(filter) {
                Judgement::Allowed => {}
                Judgement::AllowedInPart => is_partial = true,
                Judgement::Denied => denied.push(key.clone()),
            }
        }
        let rights = &self.client.standing.rights;
        self.broker.guard(&self.client.session, rights, is_partial || !denied.is_empty());
        for key in &denied {
            if self.unsubscribe(key).is_err() {
                tracing::error!(link = %self.link, "the end of a subscription that is denied could not be stored");
            }
        }
        tracing::info!(link = %self.link, removed = denied.len(), "rights looked at anew");
        let removed = denied.iter().map(|key| &**key);
        self.broker.tell_renewed(self.turn, &self.client.session, &self.client.standing, removed);
    }

    fn is_own(&self, queue: &str) -> bool {
        queue.strip_prefix("temp.").is_some_and(|rest| rest.starts_with(&*self.client.token))
    }
}

impl Stomp {
    /// Looks whether an answer has come, and whether rights are to be looked at anew.
    pub(super) fn hear(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        match &mut self.state {
            State::Waiting(_) => return self.hear_answer(turn),
            State::Connected(client) if self.link.take_review() => {
                client.standing.reconsider(self.broker.authority.as_ref())?;
                if let Some(mut context) = self.context(turn) {
                    context.review();
                }
            }
            _ => {}
        }
        let State::Connected(client) = &mut self.state else { return Ok(()) };
        let Some(renewal) = client.renewal.as_mut() else { return Ok(()) };
        let Some(answer) = renewal.answer.take() else { return Ok(()) };
        let (version, receipt) = (client.version, client.renewal.take().and_then(|renewal| renewal.receipt));
        let handled = self.context(turn).map_or(Ok(Handled::Ignored), |mut context| {
            let concluded = context.conclude_renewal(answer);
            concluded.map_err(|refusal| refusal.with_receipt(receipt.as_deref()))
        })?;
        if let (Handled::Done, Some(receipt)) = (handled, receipt) {
            self.write_receipt(version, &receipt);
        }
        Ok(())
    }

    /// What a handler works with that no frame has called.
    fn context<'c, 't, 's>(&'c mut self, turn: &'t mut Turn<'s>) -> Option<Context<'c, 't, 's>> {
        let State::Connected(client) = &mut self.state else { return None };
        let (broker, link, attributes) = (self.broker.as_ref(), &self.link, &mut self.attributes);
        let (config, replies) = (self.config.as_ref(), &mut self.replies);
        Some(Context { broker, config, link, turn, client, attributes, replies, is_text: false, head: &[] })
    }
}
