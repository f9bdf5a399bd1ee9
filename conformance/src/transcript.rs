//! The conversation so far, which a failure shows as text and as bytes.

use std::fmt::Write as _;
use std::time::Instant;

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// This program sent it.
    Sent,
    /// The broker sent it.
    Came,
    /// A connection was opened or ended.
    Note,
}

/// One line of the conversation.
#[derive(Clone, Debug)]
pub struct Line {
    /// Milliseconds since the case began.
    pub milliseconds: u128,
    /// The connection's name.
    pub connection: String,
    /// Who did it.
    pub direction: Direction,
    /// In the notation of the cases.
    pub text: String,
    /// The bytes, where there are any; of very many the first ones.
    pub bytes: Vec<u8>,
    /// How many there were.
    pub size: usize,
}

/// Everything that was said in one case.
#[derive(Clone, Debug)]
pub struct Transcript {
    start: Instant,
    /// In order.
    pub lines: Vec<Line>,
}

impl Transcript {
    /// Starts the clock.
    pub fn new() -> Transcript {
        Transcript { start: Instant::now(), lines: Vec::new() }
    }

    /// Adds a line.
    pub fn add(&mut self, connection: &str, direction: Direction, text: impl Into<String>, bytes: &[u8]) {
        self.lines.push(Line {
            milliseconds: self.start.elapsed().as_millis(),
            connection: connection.to_owned(),
            direction,
            text: text.into(),
            bytes: bytes[..bytes.len().min(KEPT)].to_vec(),
            size: bytes.len(),
        });
    }

    /// As a block of text, each line led in by the given indent.
    pub fn render(&self, indent: &str) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let sign = match line.direction {
                Direction::Sent => '>',
                Direction::Came => '<',
                Direction::Note => '-',
            };
            let _ = writeln!(
                text,
                "{indent}{:>5} ms  {}: {sign} {}",
                line.milliseconds, line.connection, line.text
            );
            if !line.bytes.is_empty() {
                let _ = writeln!(text, "{indent}             {}", hex(&line.bytes, line.size));
            }
        }
        text
    }
}

impl Default for Transcript {
    fn default() -> Transcript {
        Transcript::new()
    }
}

/// A conversation stays in memory until the reports are written; some are of many MiB.
const KEPT: usize = 64 * 1024;

/// Bytes as pairs of digits; what is long is cut, its length is said.
fn hex(bytes: &[u8], size: usize) -> String {
    const SHOWN: usize = 64;
    let mut text = String::new();
    for byte in bytes.iter().take(SHOWN) {
        let _ = write!(text, "{byte:02x} ");
    }
    if size > SHOWN {
        let _ = write!(text, "… ({size} bytes)");
    }
    text.trim_end().to_owned()
}
