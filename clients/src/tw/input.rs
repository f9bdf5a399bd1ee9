//! Payloads from the command line, a file or standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;
use std::thread;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Failure;
use super::arguments::PayloadArgs;
use super::failure::say;

/// The payload, whole. Blocks while standard input is read.
///
/// # Errors
///
/// The file or standard input cannot be read.
pub(super) fn payload(args: &PayloadArgs) -> Result<Bytes, Failure> {
    match args {
        PayloadArgs { null_message: true, .. } => Ok(Bytes::new()),
        PayloadArgs { message: Some(text), .. } => Ok(text.clone().into()),
        PayloadArgs { file: Some(path), .. } => {
            std::fs::read(path).map(Bytes::from).map_err(|error| unreadable(path, error))
        }
        PayloadArgs { file: None, .. } => {
            let mut input = io::stdin().lock();
            if input.is_terminal() {
                say("the payload is what you type, up to Ctrl-D; -m TEXT gives it at once");
            }
            let mut payload = Vec::new();
            input.read_to_end(&mut payload).map_err(standard_input)?;
            Ok(payload.into())
        }
    }
}

/// Lines, each without its end, read by a thread of its own, because standard input can only be waited for by blocking.
pub(super) struct Lines {
    receiver: mpsc::Receiver<io::Result<Vec<u8>>>,
    /// What cannot be read, should it be so.
    source: String,
    /// How many bytes there are, where that is known.
    pub(super) length: Option<u64>,
}

impl Lines {
    /// Of a file, or of standard input. As many lines are read ahead as may be on their way.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    pub(super) fn read(path: Option<&Path>, ahead: usize) -> Result<Self, Failure> {
        let Some(path) = path else {
            let receiver = spawn(|| io::stdin().lock(), ahead);
            return Ok(Self { receiver, source: STANDARD_INPUT.to_owned(), length: None });
        };
        let file = File::open(path).map_err(|error| unreadable(path, error))?;
        // Of a pipe the length says nothing.
        let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|data| data.len());
        let receiver = spawn(|| BufReader::with_capacity(READ_BYTES, file), ahead);
        Ok(Self { receiver, source: path.display().to_string(), length })
    }

    /// The next line; none behind the last. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// The source cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self.receiver.recv().await {
            Some(Ok(line)) => Ok(Some(line)),
            Some(Err(error)) => Err(Failure::Input { what: self.source.clone(), error }),
            None => Ok(None),
        }
    }
}

fn spawn<R: BufRead>(
    open: impl FnOnce() -> R + Send + 'static,
    ahead: usize,
) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(ahead);
    thread::spawn(move || {
        let mut input = open();
        while let Some(line) = next_line(&mut input).transpose() {
            let is_over = line.is_err();
            // A receiver that has gone away wants no more.
            if sender.blocking_send(line).is_err() || is_over {
                return;
            }
        }
    });
    receiver
}

fn next_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let length = input.read_until(b'\n', &mut line)?;
    line.pop_if(|byte| *byte == b'\n');
    Ok((length > 0).then_some(line))
}

fn unreadable(path: &Path, error: io::Error) -> Failure {
    Failure::Input { what: path.display().to_string(), error }
}

fn standard_input(error: io::Error) -> Failure {
    Failure::Input { what: STANDARD_INPUT.to_owned(), error }
}

const STANDARD_INPUT: &str = "standard input";

const READ_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_their_ends() {
        let mut input = &b"one\n\ntwo\r\n\xFF"[..];
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, [&b"one"[..], b"", b"two\r", b"\xFF"]);
    }

    #[test]
    fn payloads_from_everywhere_but_standard_input() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"a\n\xFF").unwrap();
        let text = PayloadArgs { message: Some("hello".to_owned()), ..PayloadArgs::default() };
        let path = PayloadArgs { file: Some(file.path().to_owned()), ..PayloadArgs::default() };
        let null = PayloadArgs { null_message: true, ..PayloadArgs::default() };
        for (args, expected) in [(text, &b"hello"[..]), (path, b"a\n\xFF"), (null, b"")] {
            assert_eq!(payload(&args).unwrap(), expected, "{args:?}");
        }
        let missing = PayloadArgs { file: Some("/nowhere/file".into()), ..PayloadArgs::default() };
        assert!(payload(&missing).unwrap_err().to_string().contains("cannot read /nowhere/file"));
    }
}
