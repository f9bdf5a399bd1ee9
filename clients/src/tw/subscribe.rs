//! `tw sub`.

use std::future::pending;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::process;
use std::time::Duration;

use tidewire_client::{Messages, Qos, Subscription};
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;
use tokio::signal::ctrl_c;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::arguments::SubArgs;
use super::render::{self, Format};
use super::{Failure, connect, runtime};

pub(super) fn run(args: SubArgs) -> Result<(), Failure> {
    let qos = args.qos.unwrap_or(Qos::AtMostOnce);
    let subscriptions = args.topics.iter().map(|filter| Subscription::new(filter.as_str(), qos)).collect();
    let format = match (args.json, args.verbose) {
        (true, _) => Format::Json,
        (false, true) => Format::TopicAndPayload,
        (false, false) => Format::Payload,
    };
    runtime()?.block_on(subscribe(&args, subscriptions, format))
}

async fn subscribe(args: &SubArgs, subscriptions: Vec<Subscription>, format: Format) -> Result<(), Failure> {
    // Being interrupted is how a subscriber ends that has no count.
    let mut interrupted = interruption();
    let subscribed = async {
        let (client, messages) = connect(&args.connection).await?;
        client.subscribe(subscriptions).await?;
        Ok::<_, Failure>((client, messages))
    };
    let (client, mut messages) = tokio::select! {
        subscribed = subscribed => subscribed?,
        _ = &mut interrupted => return Ok(()),
    };
    let written = tokio::select! {
        written = write_messages(&mut messages, format, args.count) => written,
        _ = &mut interrupted => Ok(()),
        () = reader_gone() => Ok(()),
    };
    match written {
        Ok(()) => {}
        // Whoever read has seen enough.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(failure) => return Err(failure),
    }
    // What still arrives is let go and not acknowledged.
    drop(messages);
    Ok(client.disconnect().await?)
}

/// Writes a batch at a time: all that has arrived, then one flush, and only then the acknowledgements.
async fn write_messages(messages: &mut Messages, format: Format, count: Option<u64>) -> Result<(), Failure> {
    let mut left = count.unwrap_or(u64::MAX);
    let mut batch = Vec::new();
    while left > 0
        && let Some(message) = messages.next().await?
    {
        let mut next = Some(message);
        while let Some(message) = next {
            render::message(&message, format, &mut batch);
            left -= 1;
            next = if left > 0 && batch.len() < BATCH_BYTES { messages.try_next() } else { None };
        }
        let mut output = io::stdout().lock();
        output.write_all(&batch).and_then(|()| output.flush()).map_err(Failure::Output)?;
        batch.clear();
    }
    messages.acknowledge();
    Ok(())
}

/// Resolves when nobody reads standard output any more, so that a subscriber in `tw sub … | head -1` does not wait for
/// one more message to find out.
async fn reader_gone() {
    // Unchecked, because the check would make the pipe non-blocking for everybody who shares it. What is no pipe, such
    // as a file, cannot be watched and has no reader that could go.
    let output = io::stdout().as_fd().try_clone_to_owned().and_then(Sender::from_owned_fd_unchecked);
    match output {
        Ok(output) if output.ready(Interest::ERROR).await.is_ok() => {}
        _ => pending().await,
    }
}

/// Resolves at SIGINT. A program that has not ended soon after, because it blocks on its output or the broker does not
/// answer, is ended all the same.
fn interruption() -> oneshot::Receiver<()> {
    let (sender, interrupted) = oneshot::channel();
    tokio::spawn(async move {
        if ctrl_c().await.is_ok() {
            // Whoever waited for it may have finished already.
            let _ = sender.send(());
            sleep(INTERRUPTED_GRACE).await;
            process::exit(0);
        }
    });
    interrupted
}

/// Written at once at most; a reader sees the first message before the last has come.
const BATCH_BYTES: usize = 256 * 1024;
/// For the goodbye to the broker.
const INTERRUPTED_GRACE: Duration = Duration::from_secs(2);
