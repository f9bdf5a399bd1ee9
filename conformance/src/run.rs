//! Plays the cases of each suite: first side by side up to a bound, then those that want to be alone, and at the
//! very end the ones that show that the broker still serves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::case::{Case, Plays, Suite};
use crate::needs::Settings;
use crate::play::{Outcome, Setup, play};

/// What came of one case.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Everything that must come came, and nothing else.
    Passed(Outcome),
    /// Something was different.
    Failed(Outcome),
    /// The broker is not configured for it; what it lacks.
    Skipped(String),
}

/// A case and its verdict.
#[derive(Clone, Debug)]
pub struct Played {
    /// The case.
    pub case: Arc<Case>,
    /// What came of it.
    pub verdict: Verdict,
}

/// Everything that was played.
#[derive(Clone, Debug)]
pub struct Results {
    /// In the order of suites, sections and files.
    pub played: Vec<Played>,
    /// From the first case to the last.
    pub elapsed: Duration,
}

impl Results {
    /// How many passed, failed and were skipped.
    pub fn counts(&self) -> Counts {
        Counts::of(self.played.iter())
    }
}

/// Passed, failed, skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed.
    pub failed: usize,
    /// Cases that were not played.
    pub skipped: usize,
}

impl Counts {
    /// Counts these.
    pub fn of<'a>(played: impl Iterator<Item = &'a Played>) -> Counts {
        let mut counts = Counts::default();
        for played in played {
            match played.verdict {
                Verdict::Passed(_) => counts.passed += 1,
                Verdict::Failed(_) => counts.failed += 1,
                Verdict::Skipped(_) => counts.skipped += 1,
            }
        }
        counts
    }
}

/// Plays all of these cases.
pub async fn run(cases: Vec<Case>, setup: Setup, settings: &Settings, jobs: usize) -> Results {
    let start = Instant::now();
    let setup = Arc::new(setup);
    let mut played = Vec::new();
    for suite in Suite::ALL {
        let (playable, skipped) = sort_out(cases.iter().filter(|case| case.suite == suite), settings);
        played.extend(skipped);
        for (plays, jobs) in [(Plays::Parallel, jobs), (Plays::Alone, 1), (Plays::Last, 1)] {
            let now = playable.iter().filter(|case| case.plays == plays).map(Arc::clone);
            played.extend(play_together(now.collect(), &setup, jobs).await);
        }
    }
    played.sort_by(|left, right| {
        let key = |played: &Played| (played.case.suite, played.case.section.clone(), played.case.line);
        key(left).cmp(&key(right))
    });
    Results { played, elapsed: start.elapsed() }
}

/// The cases that this broker can play, and the others with what it lacks.
fn sort_out<'a>(cases: impl Iterator<Item = &'a Case>, settings: &Settings) -> (Vec<Arc<Case>>, Vec<Played>) {
    let mut playable = Vec::new();
    let mut skipped = Vec::new();
    for case in cases {
        let shared = Arc::new(case.clone());
        match settings.lacking(case) {
            Some(lacking) => skipped.push(Played { case: shared, verdict: Verdict::Skipped(lacking) }),
            None => playable.push(shared),
        }
    }
    (playable, skipped)
}

/// No more than `jobs` of them at a time.
async fn play_together(cases: Vec<Arc<Case>>, setup: &Arc<Setup>, jobs: usize) -> Vec<Played> {
    let permits = Arc::new(Semaphore::new(jobs.max(1)));
    let mut tasks = JoinSet::new();
    for case in cases {
        let (permits, setup) = (Arc::clone(&permits), Arc::clone(setup));
        tasks.spawn(async move {
            // Never closed, so that there is always a permit to wait for.
            let _permit = permits.acquire_owned().await;
            let outcome = play(&case, &setup).await;
            let verdict =
                if outcome.failure.is_some() { Verdict::Failed(outcome) } else { Verdict::Passed(outcome) };
            Played { case, verdict }
        });
    }
    tasks.join_all().await
}
