//! Goes through a recording and loses power: where, in how many ways, and whether the subject keeps its word.

use std::collections::BTreeSet;
use std::env;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::disk::Disk;
use super::image::Variant;
use super::operation::{History, Operation, Step};
use super::record::Recording;
use super::{Subject, scratch};
use crate::random::Random;

/// Names a directory in which images that fail are kept as they were before they were opened.
const KEEP: &str = "TIDEWIRE_POWER_KEEP";

/// How thoroughly to look.
pub struct Judge<'a> {
    /// Who is put to the proof.
    pub subject: &'a dyn Subject,
    /// What the workload began with, and what chance follows from.
    pub seed: u64,
    /// How many torn images there are of each moment.
    pub torn: usize,
    /// Of a hundred moments that are neither a sync nor a promise, how many are looked at.
    pub other_percent: usize,
    /// With so many failures it is enough.
    pub failures_max: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// How many moments were looked at.
    pub moments: usize,
    /// How many images were opened.
    pub images: usize,
    /// Those that break a promise.
    pub failures: Vec<Failure>,
}

/// An image that breaks a promise.
#[derive(Debug)]
pub struct Failure {
    /// What the subject's check said.
    pub reason: String,
    /// Which image: the generator's stream.
    pub image: usize,
    /// How it was made.
    pub variant: Variant,
    /// The last promise before.
    pub promised: u64,
    /// What was done last.
    pub after: String,
    /// How many steps had been done.
    pub steps: usize,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, image, variant, promised, after, steps } = self;
        write!(
            formatter,
            "image {image} ({variant:?}) after step {steps}, {after}, promised {promised}: {reason}"
        )
    }
}

struct Job {
    path: PathBuf,
    kept: Option<PathBuf>,
    failure: Failure,
}

impl Judge<'_> {
    /// Loses power at every sync and every promise of a recording, and at some moments between.
    pub fn judge(&self, recording: &Recording) -> Report {
        let place = scratch().expect("there is room for images");
        let (sender, receiver) = sync_channel(4);
        let receiver = Mutex::new(receiver);
        let failures = Mutex::new(Vec::new());
        let is_enough = AtomicBool::new(false);
        let (moments, images) = thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
                scope.spawn(|| self.open_images(&receiver, &failures, &is_enough));
            }
            self.make_images(recording, place.path(), sender, &is_enough)
        });
        let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        failures.sort_by_key(|failure: &Failure| failure.image);
        Report { moments, images, failures }
    }

    /// A moment of a recording, chosen by chance, and one of the images it may leave, as files in `into`. Gives back
    /// what had been promised.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn choose(&self, recording: &Recording, stream: usize, into: &Path) -> std::io::Result<u64> {
        let mut random = Random::new(self.seed, stream as u64);
        let mut disk = recording.start.clone();
        let count = random.below(recording.history.steps.len() + 1);
        for step in &recording.history.steps[..count] {
            disk.step(&recording.history.operations, *step);
        }
        let variant = random.pick(&[Variant::Written, Variant::Durable, Variant::Torn, Variant::Torn]);
        disk.save(variant, &mut random, into)?;
        Ok(disk.promised())
    }

    fn make_images(
        &self,
        recording: &Recording,
        place: &Path,
        sender: SyncSender<Job>,
        is_enough: &AtomicBool,
    ) -> (usize, usize) {
        let History { operations, steps, .. } = &recording.history;
        let moments = self.moments(&recording.history);
        let keep = env::var_os(KEEP).map(PathBuf::from);
        let mut disk = recording.start.clone();
        let (mut done, mut images) = (0, 0);
        for (index, moment) in moments.iter().enumerate() {
            for step in &steps[done..*moment] {
                disk.step(operations, *step);
            }
            done = *moment;
            for variant in self.variants(&disk) {
                if is_enough.load(Ordering::Relaxed) {
                    return (index, images);
                }
                images += 1;
                let save = |path: PathBuf| {
                    fs::create_dir_all(&path).expect("there is room for images");
                    let mut random = Random::new(self.seed, images as u64);
                    disk.save(variant, &mut random, &path).expect("there is room for images");
                    path
                };
                let failure = Failure {
                    reason: String::new(),
                    image: images,
                    variant,
                    promised: disk.promised(),
                    after: last(&recording.history, done),
                    steps: done,
                };
                let path = save(place.join(images.to_string()));
                let kept = keep.as_ref().map(|keep| save(keep.join(format!("{}-{images}", self.seed))));
                sender.send(Job { path, kept, failure }).expect("somebody opens images");
            }
        }
        (moments.len(), images)
    }

    /// How many steps have been done at each moment that is looked at.
    fn moments(&self, history: &History) -> BTreeSet<usize> {
        let mut random = Random::new(self.seed, 0);
        let mut moments = BTreeSet::from([history.steps.len()]);
        for (index, step) in history.steps.iter().enumerate() {
            let is = |wanted: fn(&Operation) -> bool, of: usize| wanted(&history.operations[of]);
            match *step {
                Step::End(of) if is(|operation| matches!(operation, Operation::Sync { .. }), of) => {
                    moments.extend([index, index + 1]);
                }
                Step::Begin(of) if is(|operation| matches!(operation, Operation::Promise { .. }), of) => {
                    moments.insert(index + 1);
                }
                _ if random.percent(self.other_percent) => {
                    moments.insert(index + 1);
                }
                _ => {}
            }
        }
        moments
    }

    fn variants(&self, disk: &Disk) -> Vec<Variant> {
        if !disk.has_pending() {
            return vec![Variant::Durable];
        }
        let torn =
            (0..self.torn).map(|number| if number % 3 == 2 { Variant::Garbage } else { Variant::Torn });
        [Variant::Durable, Variant::Written].into_iter().chain(torn).collect()
    }

    fn open_images(
        &self,
        jobs: &Mutex<Receiver<Job>>,
        failures: &Mutex<Vec<Failure>>,
        is_enough: &AtomicBool,
    ) {
        loop {
            let received = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Job { path, kept, mut failure }) = received else { return };
            let check = || self.subject.check(&path, self.seed, failure.promised);
            let result = catch_unwind(AssertUnwindSafe(check))
                .unwrap_or_else(|panic| Err(format!("it panicked: {}", words(panic.as_ref()))));
            drop(fs::remove_dir_all(&path));
            match result {
                Ok(()) => drop(kept.map(fs::remove_dir_all)),
                Err(reason) => {
                    failure.reason = reason;
                    let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                    failures.push(failure);
                    is_enough.store(failures.len() >= self.failures_max, Ordering::Relaxed);
                }
            }
        }
    }
}

/// What the last of so many steps was.
fn last(history: &History, steps: usize) -> String {
    let Some(step) = steps.checked_sub(1).and_then(|index| history.steps.get(index)) else {
        return "nothing".to_owned();
    };
    let (which, index) = match *step {
        Step::Begin(index) => ("the beginning of", index),
        Step::End(index) => ("the end of", index),
    };
    let operation = &history.operations[index];
    let file = match operation {
        Operation::Write { inode, .. }
        | Operation::Resize { inode, .. }
        | Operation::Allocate { inode, .. }
        | Operation::Sync { inode }
        | Operation::Rename { inode, .. } => history.names.get(inode),
        _ => None,
    };
    format!("{which} [{operation}] {}", file.map(String::as_str).unwrap_or_default())
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}
