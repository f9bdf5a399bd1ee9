//! How far a run has come, on standard error where a person looks at it.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that is drawn at most ten times a second.
#[derive(Debug)]
pub(super) struct Progress {
    /// None where nobody looks.
    bar: Option<ProgressBar>,
    next: Duration,
}

impl Progress {
    /// `total` is how many there will be, if that is known; `what` they are. There is none unless it `is_wanted`, and a
    /// terminal is there.
    pub(super) fn new(is_wanted: bool, total: Option<u64>, what: &'static str) -> Self {
        let bar = (is_wanted && stderr().is_terminal()).then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_S);
            let bar = ProgressBar::with_draw_target(total, target);
            let template = match total {
                Some(_) => "{elapsed} {wide_bar} {human_pos} of {human_len} {msg}, {per_sec}",
                None => "{elapsed} {spinner} {human_pos} {msg}, {per_sec}",
            };
            // Without its style it is still a bar.
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar.set_message(what);
            bar
        });
        Self { bar, next: Duration::ZERO }
    }

    /// Shows what `done` counts, if it is time to.
    pub(super) fn show(&mut self, elapsed: Duration, done: impl FnOnce() -> u64) {
        if let Some(bar) = &self.bar
            && elapsed >= self.next
        {
            self.next = elapsed + Duration::from_secs(1) / u32::from(DRAWS_PER_S);
            bar.set_position(done());
        }
    }

    /// Takes it away.
    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

const DRAWS_PER_S: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_at_most_ten_times_a_second() {
        let bar = ProgressBar::with_draw_target(Some(9), ProgressDrawTarget::hidden());
        let mut progress = Progress { bar: Some(bar), next: Duration::ZERO };
        let mut counted = 0;
        for millisecond in 0..250 {
            progress.show(Duration::from_millis(millisecond), || {
                counted += 1;
                1
            });
        }
        assert_eq!(counted, 3);
        let mut unseen = Progress { bar: None, next: Duration::ZERO };
        unseen.show(Duration::from_secs(1), || unreachable!("nobody looks"));
    }
}
