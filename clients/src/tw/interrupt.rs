//! How a command ends before it has: by SIGINT and SIGTERM, and when nobody reads its output any more.

use std::future::pending;
use std::io;
use std::os::fd::AsFd;
use std::process;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::sleep;

/// Resolves at SIGINT or SIGTERM. A program that has not ended soon after, because it blocks on its output or the broker
/// does not answer, is ended all the same, with `status`.
pub(super) fn interruption(status: u8) -> oneshot::Receiver<()> {
    let (sender, interrupted) = oneshot::channel();
    tokio::spawn(async move {
        any_signal().await;
        // Whoever waited for it may have finished already.
        let _ = sender.send(());
        tokio::select! {
            () = sleep(GRACE) => {}
            // Whoever asks twice does not want to wait.
            () = any_signal() => {}
        }
        process::exit(status.into());
    });
    interrupted
}

async fn any_signal() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            // It ends the process, as it does where nobody waits for it.
            Err(_) => pending().await,
        }
    };
    tokio::select! {
        interrupted = ctrl_c() => if interrupted.is_err() { pending().await },
        () = terminated => {}
    }
}

/// Resolves when nobody reads standard output any more, so that a subscriber in `tw sub … | head -1` does not wait for
/// one more message to find out.
pub(super) async fn reader_gone() {
    // Unchecked, because the check would make the pipe non-blocking for everybody who shares it. What is no pipe, such
    // as a file, cannot be watched and has no reader that could go.
    let output = io::stdout().as_fd().try_clone_to_owned().and_then(Sender::from_owned_fd_unchecked);
    match output {
        Ok(output) if output.ready(Interest::ERROR).await.is_ok() => {}
        _ => pending().await,
    }
}

/// For what is on its way, and the goodbye to the broker.
const GRACE: Duration = Duration::from_secs(2);
