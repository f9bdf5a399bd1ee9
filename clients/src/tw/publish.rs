//! `tw pub`.

use std::collections::VecDeque;
use std::future::pending;
use std::io::{IsTerminal, stdin};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidewire_client::{Acknowledgement, Client, Error, Message, Properties};
use tokio::time::{sleep, timeout};

use super::arguments::PubArgs;
use super::connecting::{Connection, Stay};
use super::input::{self, Lines};
use super::interrupt::interruption;
use super::progress::Progress;
use super::{Failure, runtime};

pub(super) fn run(args: &PubArgs) -> Result<(), Failure> {
    // Read before connecting: a broker need not wait for a person who types.
    let source = match args.lines {
        true => Source::Lines(Lines::read(args.payload.file.as_deref(), UNDERWAY_MAX)?),
        false => Source::Payload(input::payload(&args.payload)?),
    };
    runtime()?.block_on(async {
        let published = publish(args, source);
        match args.timeout {
            None => published.await,
            Some(limit) => timeout(limit, published).await.unwrap_or(Err(Failure::NotAcknowledged(limit))),
        }
    })
}

enum Source {
    Payload(Bytes),
    Lines(Lines),
}

async fn publish(args: &PubArgs, source: Source) -> Result<(), Failure> {
    let mut interrupted = interruption(1);
    let connection = tokio::select! {
        connection = Connection::open(&args.connection, Stay::Short) => connection?,
        _ = &mut interrupted => return Err(Failure::Interrupted),
    };
    let mut publisher = Publisher::new(args, &connection)?;
    let outcome = tokio::select! {
        published = publisher.publish_all(source) => published,
        _ = &mut interrupted => Err(Failure::Interrupted),
        error = ended(&connection.client) => Err(connection.failure(error)),
    };
    publisher.progress.finish();
    match outcome {
        // What has been read is sent: whoever ends a stream of lines by Ctrl-C wants them.
        Err(Failure::Interrupted) => connection.close().await.and(Err(Failure::Interrupted)),
        Err(failure) => Err(failure),
        Ok(()) => connection.close().await,
    }
}

/// Resolves with the reason when the connection has ended. Where nothing is to be acknowledged, nothing else tells.
async fn ended(client: &Client) -> Error {
    client.ended().await.err().unwrap_or(Error::Disconnected)
}

/// Messages on their way, as many at a time as hide the way to the broker and back.
struct Publisher<'a> {
    connection: &'a Connection,
    args: &'a PubArgs,
    properties: Properties,
    underway: VecDeque<Acknowledgement>,
    sent: u64,
    bytes: u64,
    progress: Progress,
    begin: Instant,
}

impl<'a> Publisher<'a> {
    fn new(args: &'a PubArgs, connection: &'a Connection) -> Result<Self, Failure> {
        let properties = args.properties.properties(connection.client.protocol());
        Ok(Self {
            connection,
            args,
            properties: properties.map_err(|wrong| Failure::Other(wrong.0))?,
            underway: VecDeque::new(),
            sent: 0,
            bytes: 0,
            progress: Progress::new(false, None, ""),
            begin: Instant::now(),
        })
    }

    async fn publish_all(&mut self, source: Source) -> Result<(), Failure> {
        let args = self.args;
        match source {
            Source::Payload(payload) => {
                let times = args.repeat.map_or(1, u64::from);
                self.progress =
                    Progress::new(times > 1 || payload.len() > LARGE_BYTES, Some(times), "messages");
                self.publish_repeatedly(payload, times, args.repeat_delay).await?;
            }
            Source::Lines(lines) => {
                // Who types wants no bar in between.
                let is_typed = args.payload.file.is_none() && stdin().is_terminal();
                let what = if lines.length.is_some() { "bytes" } else { "messages" };
                self.progress = Progress::new(!is_typed, lines.length, what);
                self.publish_lines(lines).await?;
            }
        }
        while let Some(acknowledgement) = self.underway.pop_front() {
            self.settled(acknowledgement.await)?;
        }
        self.connection.tell(|| format!("published {} messages", self.sent));
        Ok(())
    }

    async fn publish_repeatedly(
        &mut self,
        payload: Bytes,
        times: u64,
        delay: Option<Duration>,
    ) -> Result<(), Failure> {
        for time in 0..times {
            if let Some(delay) = delay.filter(|_| time > 0) {
                sleep(delay).await;
            }
            while self.underway.len() >= UNDERWAY_MAX {
                let outcome = first(&mut self.underway).await;
                self.settled(outcome)?;
            }
            self.send(payload.clone()).await?;
            self.progress.show(self.begin.elapsed(), || self.sent);
        }
        Ok(())
    }

    async fn publish_lines(&mut self, mut lines: Lines) -> Result<(), Failure> {
        let counts_bytes = lines.length.is_some();
        loop {
            tokio::select! {
                line = lines.next(), if self.underway.len() < UNDERWAY_MAX => match line? {
                    Some(line) => self.send(line.into()).await?,
                    None => return Ok(()),
                },
                outcome = first(&mut self.underway) => self.settled(outcome)?,
            }
            let done = if counts_bytes { self.bytes } else { self.sent };
            self.progress.show(self.begin.elapsed(), || done);
        }
    }

    async fn send(&mut self, payload: Bytes) -> Result<(), Failure> {
        self.sent += 1;
        self.bytes += payload.len() as u64 + 1;
        let mut message = Message::new(self.args.topic.as_str(), payload)
            .with_qos(self.args.qos)
            .with_retain(self.args.retain);
        message.properties = self.properties.clone();
        let sent = self.connection.client.send(message).await;
        self.underway.push_back(sent.map_err(|error| self.connection.failure(error))?);
        Ok(())
    }

    fn settled(&self, outcome: Result<(), Error>) -> Result<(), Failure> {
        outcome.map_err(|error| self.connection.failure(error))
    }
}

/// Waits for the oldest and takes it away; for ever where nothing is on its way. Nothing is lost when the future is dropped.
async fn first(underway: &mut VecDeque<Acknowledgement>) -> Result<(), Error> {
    match underway.front_mut() {
        Some(acknowledgement) => {
            let outcome = acknowledgement.await;
            underway.pop_front();
            outcome
        }
        None => pending().await,
    }
}

/// Messages that may be unacknowledged.
const UNDERWAY_MAX: usize = 256;

/// A payload that takes its time to send.
const LARGE_BYTES: usize = 4 * 1024 * 1024;
