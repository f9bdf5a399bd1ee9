//! `tw reply`.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::{Output, Stdio};

use bytes::Bytes;
use tidewire_client::{Acknowledge, Error, Message, Messages, Qos, Received, Subscription};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::arguments::ReplyArgs;
use super::connecting::{Connection, Stay};
use super::failure::{TOO_LITTLE, say};
use super::input;
use super::interrupt::interruption;
use super::{Failure, runtime};

pub(super) fn run(args: &ReplyArgs) -> Result<(), Failure> {
    let fixed = match args.command.is_empty() {
        true => Some(input::payload(&args.payload)?),
        false => None,
    };
    runtime()?.block_on(async {
        let mut interrupted = interruption(if args.count.is_some() { TOO_LITTLE } else { 0 });
        let subscribed = tokio::select! {
            subscribed = subscribe(args) => subscribed?,
            _ = &mut interrupted => return Ok(()),
        };
        let (connection, mut messages) = subscribed;
        let mut replier = Replier { args, fixed, connection, handled: 0, has_told_of_no_address: false };
        let end = tokio::select! {
            end = replier.reply_all(&mut messages) => Some(end),
            _ = interrupted => None,
        };
        let closed = replier.connection.close().await;
        drop(messages);
        match (end, args.count.map(u64::from)) {
            (Some(end), _) => end.and(closed),
            (None, None) => Ok(()),
            (None, Some(wanted)) => Err(Failure::TooFew { received: replier.handled, wanted }),
        }
    })
}

async fn subscribe(args: &ReplyArgs) -> Result<(Connection, Messages), Failure> {
    let connection = Connection::open(&args.connection, Stay::Long).await?;
    let qos = args.qos.unwrap_or(Qos::AtLeastOnce);
    // A request is done with when it is answered, so that no other is lost when this program ends in between.
    let subscription = Subscription::new(&args.topic, qos).with_acknowledge(Acknowledge::Manual);
    let subscribed = connection.client.subscribe(subscription).await;
    let messages = subscribed.map_err(|error| connection.failure(error))?;
    connection.tell(|| format!("subscribed to {}", args.topic));
    Ok((connection, messages))
}

/// Answers requests, one after the other.
struct Replier<'a> {
    args: &'a ReplyArgs,
    /// The answer to all of them, where no command makes it.
    fixed: Option<Bytes>,
    connection: Connection,
    handled: u64,
    has_told_of_no_address: bool,
}

impl Replier<'_> {
    async fn reply_all(&mut self, messages: &mut Messages) -> Result<(), Failure> {
        let wanted = self.args.count.map_or(u64::MAX, u64::from);
        while self.handled < wanted {
            let Some(request) = messages.next().await else {
                return match messages.failure() {
                    Some(error) => Err(self.connection.failure(error)),
                    None => Ok(()),
                };
            };
            if request.properties.response_topic.is_none() {
                self.tell_of_no_address(&request);
                request.acknowledge();
                continue;
            }
            self.handled += 1;
            match self.answer(&request).await {
                Ok(payload) => self.reply(request, payload).await?,
                Err(why) => give_up(request, &why),
            }
        }
        Ok(())
    }

    async fn answer(&self, request: &Received) -> Result<Bytes, String> {
        match &self.fixed {
            Some(payload) => Ok(payload.clone()),
            None => {
                let output = timeout(self.args.timeout, outcome(&self.args.command, request)).await;
                let output =
                    output.map_err(|_| format!("the command took longer than {:?}", self.args.timeout))?;
                let mut output = output?;
                if !output.status.success() {
                    return Err(format!("the command ended with {}", output.status));
                }
                if !self.args.keep_line_end {
                    output.stdout.pop_if(|byte| *byte == b'\n');
                }
                Ok(output.stdout.into())
            }
        }
    }

    async fn reply(&self, request: Received, payload: Bytes) -> Result<(), Failure> {
        let properties = self.args.properties.properties(self.connection.client.protocol());
        let properties = properties.map_err(|wrong| Failure::Other(wrong.0))?;
        let answer = Message { properties, ..Message::new("", payload).with_qos(request.qos) };
        let replied = async { request.reply_with(answer).await?.await }.await;
        match replied {
            Ok(()) => {
                self.connection.tell(|| format!("answered a request on {}", request.topic));
                request.acknowledge();
            }
            // Of this answer only: other requests may fare better.
            Err(error @ (Error::Rejected { .. } | Error::Invalid(_))) => give_up(request, &error.to_string()),
            Err(error) => return Err(self.connection.failure(error)),
        }
        Ok(())
    }

    /// Once; a topic that others publish news to would fill the screen.
    fn tell_of_no_address(&mut self, request: &Message) {
        if !std::mem::replace(&mut self.has_told_of_no_address, true) {
            say(&format!("a message on {} wants no answer: it has no response topic", request.topic));
        }
    }
}

fn give_up(request: Received, why: &str) {
    say(&format!("no answer to a request on {}: {why}", request.topic));
    request.reject();
}

/// Runs the command with the request as its standard input. It is killed when the future is dropped.
async fn outcome(command: &[OsString], request: &Message) -> Result<Output, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("there is no command".to_owned());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env("TW_TOPIC", &request.topic)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let input = child.stdin.take();
    let feed = async {
        match input {
            Some(mut input) => input.write_all(&request.payload).await,
            None => Ok(()),
        }
    };
    // At once: a command may answer before it has read everything, and block until its answer is read.
    let (fed, output) = tokio::join!(feed, child.wait_with_output());
    match fed {
        // What it does not read it does not want.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => output.map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn run_command(command: &[&str], payload: &str) -> Result<Output, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let command: Vec<_> = command.iter().map(OsString::from).collect();
        let request = Message::new("svc/a", payload.to_owned());
        runtime
            .block_on(async { timeout(Duration::from_secs(20), outcome(&command, &request)).await.unwrap() })
    }

    #[test]
    fn a_command_gets_the_request_and_makes_the_answer() {
        let large = "x".repeat(1 << 20);
        for (command, payload, answer) in [
            (&["cat"][..], "2 3", "2 3"),
            (&["awk", "{ print $1 + $2 }"], "2 3", "5\n"),
            (&["sh", "-c", "printf %s \"$TW_TOPIC\""], "", "svc/a"),
            // More than a pipe holds, either way; and a command that does not read.
            (&["cat"], &large, &large),
            (&["true"], &large, ""),
        ] {
            let output = run_command(command, payload).unwrap();
            assert!(output.status.success() && output.stdout == answer.as_bytes(), "{command:?}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_told() {
        let said = run_command(&["/nowhere/command"], "").unwrap_err();
        assert!(said.contains("/nowhere/command"), "{said}");
        assert!(!run_command(&["false"], "").unwrap().status.success());
    }
}
