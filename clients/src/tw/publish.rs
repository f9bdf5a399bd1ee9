//! `tw pub`.

use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, BufRead, Read};
use std::thread;

use tidewire_client::{Acknowledgement, Client, Error, Message, Messages};
use tokio::sync::mpsc;

use super::arguments::PubArgs;
use super::{Failure, connect, runtime};

pub(super) fn run(args: PubArgs) -> Result<(), Failure> {
    // Read before connecting: a broker need not wait for a person who types.
    let payload = match (&args.message, args.lines) {
        (_, true) => None,
        (Some(text), false) => Some(text.clone().into_bytes()),
        (None, false) => Some(read_all()?),
    };
    runtime()?.block_on(async {
        let (client, messages) = connect(&args.connection).await?;
        let message = |payload: Vec<u8>| {
            Message::new(args.topic.as_str(), payload).with_qos(args.qos).with_retain(args.retain)
        };
        match payload {
            Some(payload) => client.publish(message(payload)).await?,
            None => publish_lines(&client, messages, message).await?,
        }
        Ok(client.disconnect().await?)
    })
}

fn read_all() -> Result<Vec<u8>, Failure> {
    let mut payload = Vec::new();
    io::stdin().lock().read_to_end(&mut payload).map_err(Failure::Input)?;
    Ok(payload)
}

/// Publishes lines as they come, many on their way at a time, until all are acknowledged.
async fn publish_lines(
    client: &Client,
    mut messages: Messages,
    message: impl Fn(Vec<u8>) -> Message,
) -> Result<(), Failure> {
    let mut lines = read_lines();
    let mut underway = VecDeque::new();
    let mut is_reading = true;
    while is_reading || !underway.is_empty() {
        tokio::select! {
            line = lines.recv(), if is_reading && underway.len() < UNDERWAY_MAX => match line {
                Some(line) => underway.push_back(client.send(message(line.map_err(Failure::Input)?)).await?),
                None => is_reading = false,
            },
            outcome = first(&mut underway) => {
                underway.pop_front();
                outcome?;
            }
            // Nothing is subscribed to; this tells at once when the connection has ended.
            received = messages.next() => if received?.is_none() {
                return Err(Error::Disconnected.into());
            },
        }
    }
    Ok(())
}

async fn first(underway: &mut VecDeque<Acknowledgement>) -> Result<(), Error> {
    match underway.front_mut() {
        Some(acknowledgement) => acknowledgement.await,
        None => pending().await,
    }
}

/// Reads in a thread of its own, because standard input can only be waited for by blocking.
fn read_lines() -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, lines) = mpsc::channel(UNDERWAY_MAX);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = input.read_until(b'\n', &mut line).map(|length| {
                line.pop_if(|byte| *byte == b'\n');
                (length > 0).then_some(line)
            });
            match read.transpose() {
                // A receiver that has gone away wants no more.
                Some(line) => match sender.blocking_send(line) {
                    Ok(()) => {}
                    Err(_) => return,
                },
                None => return,
            }
        }
    });
    lines
}

/// Messages that may be unacknowledged: enough to hide the way to the broker and back.
const UNDERWAY_MAX: usize = 256;
