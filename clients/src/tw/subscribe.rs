//! `tw sub`.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use tidewire_client::{Messages, Received};
use tokio::time::sleep;

use super::arguments::SubArgs;
use super::connecting::{Connection, Stay};
use super::failure::{TOO_LITTLE, say};
use super::interrupt::{interruption, reader_gone};
use super::render::Style;
use super::{Failure, runtime};

pub(super) fn run(args: &SubArgs) -> Result<(), Failure> {
    runtime()?.block_on(async {
        // Being interrupted is how a subscriber ends that has no count.
        let mut interrupted = interruption(if args.count.is_some() { TOO_LITTLE } else { 0 });
        let mut writer = Writer { style: Style::new(&args.output), received: 0, batch: Vec::new() };
        let timed_out = sleep_at_most(args.timeout);
        tokio::pin!(timed_out);
        let subscribed = tokio::select! {
            subscribed = subscribe(args) => Ok(subscribed?),
            () = &mut timed_out => Err(End::TimedOut),
            _ = &mut interrupted => Err(End::Interrupted),
        };
        let (connection, mut messages) = match subscribed {
            Ok(subscribed) => subscribed,
            Err(end) => return judge(args, end, 0),
        };
        let end = tokio::select! {
            end = writer.write_all(args, &mut messages) => end?,
            () = &mut timed_out => End::TimedOut,
            _ = &mut interrupted => End::Interrupted,
            () = reader_gone() => End::ReaderGone,
        };
        if messages.missed() > 0 {
            say(&format!(
                "{} messages were left out: they came faster than they could be written",
                messages.missed()
            ));
        }
        leave(&connection, messages, &end).await?;
        judge(args, end, writer.received)
    })
}

/// Why a subscriber ends.
enum End {
    /// All that it was to receive is there.
    Complete,
    TimedOut,
    Interrupted,
    ReaderGone,
    /// The subscription has ended; an error says why.
    Over(Option<Failure>),
}

async fn subscribe(args: &SubArgs) -> Result<(Connection, Messages), Failure> {
    let connection = Connection::open(&args.connection, Stay::Long).await?;
    let subscribed = connection.client.subscribe_all(args.subscriptions()).await;
    let messages = subscribed.map_err(|error| connection.failure(error))?;
    connection.tell(|| format!("subscribed to {}", args.topics.join(", ")));
    Ok((connection, messages))
}

/// Says goodbye while the subscription still stands: a session that persists keeps it, and goes on collecting.
async fn leave(connection: &Connection, messages: Messages, end: &End) -> Result<(), Failure> {
    let closed = match end {
        // There is nobody to say it to.
        End::Over(_) => Ok(()),
        _ => connection.close().await,
    };
    drop(messages);
    match end {
        End::Complete | End::TimedOut => closed,
        // Nobody waits for what it comes to.
        End::Interrupted | End::ReaderGone | End::Over(_) => Ok(()),
    }
}

/// Whether it has ended well.
fn judge(args: &SubArgs, end: End, received: u64) -> Result<(), Failure> {
    let wanted = args.count.map(u64::from);
    match (end, wanted, args.timeout) {
        (End::Over(Some(failure)), ..) => Err(failure),
        (End::Complete | End::ReaderGone | End::Over(None), ..) | (End::Interrupted, None, _) => Ok(()),
        (End::TimedOut | End::Interrupted, Some(wanted), _) => Err(Failure::TooFew { received, wanted }),
        (End::TimedOut, None, Some(limit)) if received == 0 => Err(Failure::Nothing(limit)),
        (End::TimedOut, None, _) => Ok(()),
    }
}

/// Writes what arrives.
struct Writer {
    style: Style,
    received: u64,
    batch: Vec<u8>,
}

impl Writer {
    /// Writes a batch at a time: all that has arrived, then one flush, and only then the acknowledgements.
    async fn write_all(&mut self, args: &SubArgs, messages: &mut Messages) -> Result<End, Failure> {
        let wanted = args.count.map_or(u64::MAX, u64::from);
        while self.received < wanted {
            let Some(message) = messages.next().await else {
                let failure = messages.failure().map(Failure::Client);
                return Ok(End::Over(failure));
            };
            let written = self.gather(message, messages, wanted);
            match self.flush() {
                Ok(()) => written.into_iter().for_each(Received::acknowledge),
                // Whoever read has seen enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(End::ReaderGone),
                Err(error) => return Err(Failure::Output(error)),
            }
        }
        messages.acknowledge();
        Ok(End::Complete)
    }

    /// Takes what else is there already, within bounds.
    fn gather(&mut self, message: Received, messages: &mut Messages, wanted: u64) -> Vec<Received> {
        let mut gathered = Vec::new();
        let mut next = Some(message);
        while let Some(message) = next {
            self.style.write(&message, &mut self.batch);
            self.received += 1;
            gathered.push(message);
            let has_room = self.received < wanted && self.batch.len() < BATCH_BYTES;
            next = if has_room { messages.try_next() } else { None };
        }
        gathered
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut output = io::stdout().lock();
        output.write_all(&self.batch).and_then(|()| output.flush())?;
        self.batch.clear();
        Ok(())
    }
}

/// Resolves after the time, or never.
async fn sleep_at_most(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Written at once at most; a reader sees the first message before the last has come.
const BATCH_BYTES: usize = 256 * 1024;
