//! What the broker writes into its log.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::subscriber::DefaultGuard;

/// What was written by the test's own thread, on which everything runs.
pub struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

impl Log {
    /// Begins to listen: what is logged from here on, until it is dropped.
    pub fn begin() -> Self {
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let writer = Writer(Arc::clone(&text));
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        Self { text, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// The lines with these words.
    pub fn lines(&self, words: &str) -> Vec<String> {
        let text = self.text.lock().expect("no test panics while it writes");
        let text = String::from_utf8_lossy(&text);
        text.lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
    }

    /// Holds that there is exactly one line with the first words, and that it has the others as well.
    pub fn says_once(&self, words: &str, others: &[&str]) {
        let lines = self.lines(words);
        assert_eq!(lines.len(), 1, "{words:?} is in {lines:?} of {:?}", self.lines(""));
        for other in others {
            assert!(lines[0].contains(other), "{other:?} is not in {}", lines[0]);
        }
    }
}

#[derive(Clone)]
struct Writer(Arc<Mutex<Vec<u8>>>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics while it writes").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
