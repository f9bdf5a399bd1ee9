//! Loss of power at every sync of a recorded run: see `tidewire_tests::power`.
//!
//! * `toy`: a small log, right and with planted mistakes: the harness proves itself
//! * `store`: the store itself
//! * `sled`: the traps in sled's `flush`, and what makes a promise of it; `opening`: the traps in its `open`
//!
//! Seeds are printed and `TIDEWIRE_POWER_SEED` replays one, but for the timing of a subject's threads;
//! `TIDEWIRE_POWER_TORN` says how many torn images there are of each moment, and `TIDEWIRE_POWER_KEEP` names a directory
//! that keeps images that fail.

mod opening;
mod sled;
mod store;
mod toy;

use std::time::{Instant, SystemTime};

use tidewire_tests::power::{Failure, Judge, Recording, Report, Rules, Stage, Subject, play};

use crate::opening::Opening;
use crate::sled::Sled;
use crate::store::Durable;
use crate::toy::Toy;

const SAFELY: Opening =
    Opening { renames: true, keeps_snapshots: true, copies: true, segment_bytes: 512 << 10 };
const SLED: Sled = Sled { syncs: true, opening: SAFELY, batches: 25, value_bytes_max: 6 << 10, lives: 3 };

/// Segments are reused often, as in a large database.
const SMALL: Opening = Opening { segment_bytes: 16 << 10, ..SAFELY };
const SLED_SMALL: Sled = Sled { opening: SMALL, value_bytes_max: 200, ..SLED };
const LARGE: Opening = Opening { segment_bytes: 2 << 20, ..SAFELY };

/// How often the power is lost a second time.
const AGAIN: usize = 2;

/// How often a mistake may go unseen.
const RECORDINGS_MAX: u64 = 30;

/// Who can be recorded, by name.
const SUBJECTS: [(&str, &dyn Subject); 16] = [
    ("store", &Durable { batches: 60, lives: 3 }),
    ("toy", &Toy::Right),
    ("toy that promises early", &Toy::PromisesEarly),
    ("toy that never syncs", &Toy::NeverSyncs),
    ("toy that forgets its directory", &Toy::ForgetsDirectory),
    ("toy that forgets checksums", &Toy::ForgetsChecksums),
    ("toy that renames unsynced", &Toy::RenamesUnsynced),
    ("toy that overwrites in place", &Toy::OverwritesInPlace),
    ("sled", &SLED),
    ("sled in small segments", &SLED_SMALL),
    ("sled with chunks", &Sled { value_bytes_max: 64 << 10, lives: 1, ..SLED }),
    (
        "sled with chunks in large segments",
        &Sled { value_bytes_max: 28 << 10, opening: LARGE, batches: 4, lives: 1, ..SLED },
    ),
    ("sled without syncs", &Sled { syncs: false, lives: 1, ..SLED }),
    ("sled made in its place", &Sled { opening: Opening { renames: false, ..SAFELY }, lives: 1, ..SLED }),
    ("sled without a copy", &Sled { opening: Opening { copies: false, ..SMALL }, lives: 6, ..SLED_SMALL }),
    (
        "sled without its snapshots",
        &Sled { opening: Opening { keeps_snapshots: false, copies: false, ..SMALL }, lives: 6, ..SLED_SMALL },
    ),
];

/// Not a test of its own: the process in which a subject is recorded runs it.
#[test]
fn recorded() {
    play(&SUBJECTS);
}

#[test]
fn a_log_that_is_right_keeps_its_word() {
    holds("toy", Rules::default());
}

#[test]
fn planted_mistakes_are_caught() {
    let mistakes = SUBJECTS.iter().filter(|(name, _)| name.starts_with("toy that"));
    mistakes.for_each(|(name, _)| fails(name));
}

#[test]
fn a_forgotten_directory_is_no_mistake_on_ext4() {
    holds("toy that forgets its directory", Rules { file_sync_keeps_names: true });
}

#[test]
fn the_store_keeps_its_word() {
    holds("store", Rules::default());
}

#[test]
fn sleds_flush_alone_is_no_promise() {
    fails("sled without syncs");
}

#[test]
fn sleds_snapshots_must_not_be_removed() {
    fails("sled without its snapshots");
}

#[test]
fn sled_loses_everything_if_the_power_goes_while_it_opens() {
    fails("sled without a copy");
}

#[test]
fn sled_must_not_be_made_in_its_place() {
    fails("sled made in its place");
}

#[test]
fn sled_with_syncs_keeps_its_word() {
    holds("sled", Rules::default());
}

#[test]
fn sled_in_small_segments_keeps_its_word() {
    holds("sled in small segments", Rules::default());
}

#[test]
fn sled_never_syncs_its_blobs() {
    fails("sled with chunks");
}

#[test]
fn sled_with_chunks_in_large_segments_keeps_its_word() {
    holds("sled with chunks in large segments", Rules::default());
}

/// Holds that a subject keeps its word through a loss of power, and through one more while it goes on from what the
/// first has left.
fn holds(name: &'static str, rules: Rules) {
    let trial = Trial::new(name, rules);
    let stage = Stage::new("recorded").expect("there is room");
    let recording = trial.record(&stage, trial.subject.lives());
    let report = trial.judge("once", &recording);
    assert!(report.images > 100, "{name} was hardly tried: {} images", report.images);
    for again in 1..=AGAIN {
        let stage = Stage::new("recorded").expect("there is room");
        let promised = trial.judge.choose(&recording, again, &stage.data()).expect("there is room");
        stage.set_promised(promised).expect("there is room");
        let second = trial.record(&stage, 1);
        trial.judge(&format!("again, image {again}, promised {promised}"), &second);
    }
}

/// Holds that the harness catches a subject, which may take it more than one recording.
fn fails(name: &'static str) {
    let mut trial = Trial::new(name, Rules::default());
    trial.judge.failures_max = 1;
    let first = trial.judge.seed;
    for seed in first..first + RECORDINGS_MAX {
        trial.judge.seed = seed;
        let stage = Stage::new("recorded").expect("there is room");
        let recording = trial.record(&stage, trial.subject.lives());
        if let Some(failure) = trial.judge.judge(&recording).failures.first() {
            return say(&format!("{name}, seed {seed}, as it should be: {failure}"));
        }
    }
    panic!("{name} passed {RECORDINGS_MAX} times, from seed {first}");
}

struct Trial {
    name: &'static str,
    rules: Rules,
    subject: &'static dyn Subject,
    judge: Judge<'static>,
}

impl Trial {
    fn new(name: &'static str, rules: Rules) -> Self {
        let (_, subject) = SUBJECTS.iter().find(|(other, _)| *other == name).expect("it is listed");
        let seed = setting("SEED").unwrap_or_else(seed_of_now);
        let torn = setting("TORN").and_then(|torn| usize::try_from(torn).ok()).unwrap_or(4);
        let judge = Judge { subject: *subject, seed, torn, other_percent: 3, failures_max: 20 };
        Self { name, rules, subject: *subject, judge }
    }

    fn record(&self, stage: &Stage, lives: u64) -> Recording {
        let recorded = stage.record(self.name, self.judge.seed, lives, self.rules);
        recorded.unwrap_or_else(|fault| panic!("{} (seed {}): {fault}", self.name, self.judge.seed))
    }

    fn judge(&self, which: &str, recording: &Recording) -> Report {
        let started = Instant::now();
        let report = self.judge.judge(recording);
        let (name, seed) = (self.name, self.judge.seed);
        let Report { moments, images, failures } = &report;
        say(&format!(
            "{name}, {which}, seed {seed}: {} operations, {moments} moments, {images} images in {:.1} s",
            recording.history.operations.len(),
            started.elapsed().as_secs_f64()
        ));
        let words: Vec<_> = failures.iter().map(Failure::to_string).collect();
        assert!(words.is_empty(), "{name} ({which}, seed {seed}) broke its word:\n{}", words.join("\n"));
        report
    }
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(format!("TIDEWIRE_POWER_{name}")).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("TIDEWIRE_POWER_{name} is a number, not {value:?}")))
}

fn seed_of_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos())
}

#[expect(clippy::print_stderr, reason = "seeds and accounts are for the reader of the test")]
fn say(text: &str) {
    eprintln!("power: {text}");
}
