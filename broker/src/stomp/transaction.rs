//! Transactions: SEND, ACK and NACK that take effect all together at COMMIT, or not at all.

use std::collections::HashMap;
use std::sync::Arc;

use tidewire_protocols::stomp::Frame;

use super::acknowledge::{Acknowledgement, acknowledge, record};
use super::refuse::Refusal;
use super::{Context, Handled};
use crate::config::StompConfig;
use crate::counters::{Protocol, RefusalReason};
use crate::message::Message;

/// Bytes that a SEND takes besides what its message weighs: the message itself, its counts, its place in a list that may
/// have room for twice as many, and the allocator's share.
const SEND_BYTES: usize = size_of::<Message>() + 64;
/// Bytes that an ACK or a NACK takes in such a list.
const ACK_BYTES: usize = 2 * size_of::<Acknowledgement>();

/// A connection's open transactions. They end with it. [STOMP12-TRANSACTION-4]
#[derive(Debug, Default)]
pub(super) struct Transactions {
    open: HashMap<Box<str>, Transaction>,
}

#[derive(Debug, Default)]
struct Transaction {
    sends: Vec<Arc<Message>>,
    acks: Vec<Acknowledgement>,
    /// What both take.
    bytes: usize,
}

impl Transactions {
    /// Adds a SEND.
    pub(super) fn add_send(
        &mut self,
        name: &str,
        message: Arc<Message>,
        config: &StompConfig,
    ) -> Result<(), Refusal> {
        self.make_room(name, SEND_BYTES + message.weight(), config)?.sends.push(message);
        Ok(())
    }

    /// Adds an ACK or a NACK.
    pub(super) fn add_ack(
        &mut self,
        name: &str,
        acknowledgement: Acknowledgement,
        config: &StompConfig,
    ) -> Result<(), Refusal> {
        self.make_room(name, ACK_BYTES, config)?.acks.push(acknowledgement);
        Ok(())
    }

    /// The transaction, where a frame that takes so many bytes may be added to it.
    fn make_room(
        &mut self,
        name: &str,
        bytes: usize,
        config: &StompConfig,
    ) -> Result<&mut Transaction, Refusal> {
        let all: usize = self.open.values().map(|transaction| transaction.bytes).sum();
        let transaction = self.open.get_mut(name).ok_or_else(|| unknown(name))?;
        let frames = transaction.sends.len() + transaction.acks.len();
        if frames >= config.transaction_frames_max {
            let body = format!("A transaction holds at most {} frames.", config.transaction_frames_max);
            return Err(Refusal::new("transaction too large", body).because(RefusalReason::TooLarge));
        }
        if all + bytes > config.transaction_bytes_max.0 {
            let body = format!("A connection's transactions take at most {}.", config.transaction_bytes_max);
            return Err(Refusal::new("transaction too large", body).because(RefusalReason::TooLarge));
        }
        transaction.bytes += bytes;
        Ok(transaction)
    }
}

impl Context<'_, '_, '_> {
    pub(super) fn handle_begin(self, frame: &Frame<'_>) -> Result<Handled, Refusal> {
        let name = transaction_name(frame)?;
        let open = &mut self.client.transactions.open;
        if open.contains_key(name.as_str()) {
            return Err(Refusal::new(
                "duplicate transaction",
                format!("Transaction {name} is open already."),
            ));
        }
        if open.len() >= self.config.stomp.transactions_max {
            let body = format!("A connection has at most {} open transactions.", open.len());
            return Err(Refusal::new("too many transactions", body).because(RefusalReason::TooMany));
        }
        open.insert(name.into(), Transaction::default());
        Ok(Handled::Done)
    }

    /// Nothing of it takes effect if one of its acknowledgements means nothing, or if it cannot be stored.
    pub(super) fn handle_commit(self, frame: &Frame<'_>) -> Result<Handled, Refusal> {
        let name = transaction_name(frame)?;
        let transaction =
            self.client.transactions.open.remove(name.as_str()).ok_or_else(|| unknown(&name))?;
        let publications: Vec<_> = transaction.sends.iter().map(|message| message.publication()).collect();
        // It may have been allowed when it was sent, and be so no longer.
        let rights = &mut self.client.standing.rights;
        if !publications.iter().all(|publication| rights.may_publish(publication.topic, publication.retain)) {
            return self.denied("send what is in transaction", &name);
        }
        record(self.broker, self.turn, self.client, &transaction.acks).ok_or_else(|| {
            let body = format!("Transaction {name} acknowledges a message that does not wait for it.");
            Refusal::new("unknown message", body)
        })?;
        for publication in &publications {
            self.turn.tally.note_received(Protocol::Stomp, publication.qos, publication.payload.len());
        }
        let published = self.broker.publish_together_from(self.turn, &self.client.session, publications);
        published.map_err(Refusal::not_published)?;
        acknowledge(self.broker, self.turn, self.client, &transaction.acks);
        Ok(Handled::Done)
    }

    pub(super) fn handle_abort(self, frame: &Frame<'_>) -> Result<Handled, Refusal> {
        let name = transaction_name(frame)?;
        self.client.transactions.open.remove(name.as_str()).ok_or_else(|| unknown(&name))?;
        Ok(Handled::Done)
    }
}

fn transaction_name(frame: &Frame<'_>) -> Result<String, Refusal> {
    let name = frame.headers.get("transaction");
    name.map(|name| name.into_owned()).ok_or_else(|| Refusal::missing(frame.command, "transaction"))
}

fn unknown(name: &str) -> Refusal {
    Refusal::new("unknown transaction", format!("Transaction {name} is not open: BEGIN it first."))
}
