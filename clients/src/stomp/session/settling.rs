//! ACK and NACK.

use std::collections::HashSet;

use tidewire_protocols::stomp::Command;

use super::output::Output;
use super::unsettled::Unsettled;
use crate::command::{Settlement, Token, TransactionId, Verdict};

/// Tells the broker what the application has done with messages; those of one turn that one ACK covers, by one.
pub(super) fn settle_all(
    settlements: &[Settlement],
    unsettled: &mut Unsettled,
    transactions: &HashSet<TransactionId>,
    output: &mut Output,
) {
    let mut up_to: Vec<Token> = Vec::new();
    for settlement in settlements {
        let Settlement { token, verdict, transaction } = *settlement;
        // One that is lost has no acknowledgements either: the message comes again.
        if transaction.is_some_and(|transaction| !transactions.contains(&transaction)) {
            continue;
        }
        if verdict != Verdict::DoneUpTo {
            if let Some(id) = unsettled.take(token) {
                send(&id, verdict, transaction, output);
            }
            continue;
        }
        match up_to.iter_mut().find(|other| other.subscription == token.subscription) {
            Some(other) => other.serial = other.serial.max(token.serial),
            None => up_to.push(token),
        }
    }
    for token in up_to {
        if let Some(id) = unsettled.take_up_to(token) {
            send(&id, Verdict::Done, None, output);
        }
    }
}

fn send(id: &str, verdict: Verdict, transaction: Option<TransactionId>, output: &mut Output) {
    let command = match verdict {
        Verdict::DoneUpTo | Verdict::Done => Command::Ack,
        Verdict::Rejected | Verdict::Discarded => Command::Nack,
    };
    output.send(command, |writer| {
        writer.header("id", id);
        if verdict == Verdict::Discarded {
            writer.header("requeue", "false");
        }
        if let Some(transaction) = transaction {
            writer.header_number("transaction", transaction);
        }
    });
}
