//! The queue between those who log and the thread that writes.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// Lines that may wait to be written: some seconds' worth, and a few MiB.
const QUEUED_LINES_MAX: usize = 16 * 1024;

/// How often it is said at most that lines were lost.
const SAY_INTERVAL: Duration = Duration::from_secs(1);

/// A queue before `writer`, and the guard that has the rest written when it is dropped. `say` is told, by the thread that
/// writes, of how many lines the queue had no room for.
pub(super) fn queued<W, S>(writer: W, say: S) -> (NonBlocking, WorkerGuard)
where
    W: Write + Send + 'static,
    S: Fn(usize) + Send + 'static,
{
    let lost = Arc::new(OnceLock::new());
    let output = Output { writer, say, lost: Arc::clone(&lost), said: 0, said_at: None };
    let (lines, worker) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUED_LINES_MAX)
        .lossy(true)
        .thread_name("log")
        .finish(output);
    // It is set here and nowhere else.
    let _ = lost.set(lines.error_counter());
    (lines, worker)
}

/// Writes line by line, and says what is missing between them.
struct Output<W, S> {
    writer: W,
    say: S,
    lost: Arc<OnceLock<ErrorCounter>>,
    said: usize,
    said_at: Option<Instant>,
}

impl<W, S: Fn(usize)> Output<W, S> {
    fn say_what_is_lost(&mut self) {
        let lost = self.lost.get().map_or(0, ErrorCounter::dropped_lines);
        let now = Instant::now();
        if lost == self.said || self.said_at.is_some_and(|at| now.duration_since(at) < SAY_INTERVAL) {
            return;
        }
        (self.say)(lost - self.said);
        (self.said, self.said_at) = (lost, Some(now));
    }
}

impl<W: Write, S: Fn(usize)> Write for Output<W, S> {
    /// A line that cannot be written is gone, and there is nowhere to say so.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(line);
        self.say_what_is_lost();
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Writes each line when it is told to.
    struct Slow {
        go_on: mpsc::Receiver<()>,
        written: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            // Once the test lets go of the other end, nothing holds it up.
            let _ = self.go_on.recv();
            let _ = self.written.send(line.to_vec());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_logs_waits_for_nobody_and_what_is_lost_is_said() {
        let (go, go_on) = mpsc::channel();
        let (written, lines) = mpsc::channel();
        let (say, said) = mpsc::channel();
        let say = move |lost| say.send(lost).unwrap();
        let (mut queue, worker) = queued(Slow { go_on, written }, say);
        // The thread that writes has one in its hands, once it has come that far.
        let count = QUEUED_LINES_MAX + 101;
        (0..count).for_each(|number| queue.write_all(format!("{number}\n").as_bytes()).unwrap());
        drop(go);
        let lost = said.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!((100..=101).contains(&lost), "{lost} lines");
        drop((queue, worker));
        let lines: Vec<_> = lines.iter().collect();
        assert_eq!((lines.len(), &*lines[0]), (count - lost, &b"0\n"[..]));
    }
}
