//! What the broker writes into its log.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Once;

type Text = Rc<RefCell<Vec<u8>>>;

thread_local! {
    /// Where this thread's lines go: into its latest [`Log`].
    static LATEST: RefCell<Option<Text>> = const { RefCell::new(None) };
}

/// What was written by the test's own thread, on which everything runs.
///
/// One subscriber serves the whole process and writes to the log of the thread that speaks. A subscriber for each
/// thread would be simpler but loses lines: while there is just one, `tracing` asks the thread that comes first to a
/// place whether anybody listens there, and remembers its no for everybody.
pub struct Log {
    text: Text,
    /// What listened until this one began.
    before: Option<Text>,
}

impl Log {
    /// Begins to listen: what is logged from here on, until it is dropped or another one begins.
    pub fn begin() -> Self {
        static LISTENS: Once = Once::new();
        LISTENS.call_once(|| {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::INFO)
                .with_ansi(false)
                .without_time()
                .with_writer(|| Writer)
                .init();
        });
        let text = Text::default();
        let before = LATEST.replace(Some(Rc::clone(&text)));
        Self { text, before }
    }

    /// The lines with these words.
    pub fn lines(&self, words: &str) -> Vec<String> {
        let text = self.text.borrow();
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

impl Drop for Log {
    fn drop(&mut self) {
        LATEST.set(self.before.take());
    }
}

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LATEST.with_borrow(|latest| {
            if let Some(text) = latest {
                text.borrow_mut().extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
