//! Runs a subject's workload under `strace`.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::disk::{Disk, Rules};
use super::operation::History;
use super::parse::parse;
use super::trace::{CALLS, Translator};
use super::{Promises, Subject, scratch};

const SUBJECT: &str = "TIDEWIRE_POWER_SUBJECT";
const STAGE: &str = "TIDEWIRE_POWER_STAGE";
const SEED: &str = "TIDEWIRE_POWER_CHILD_SEED";

/// Longer pieces of a single write would be cut short, which is an error.
const STRING_BYTES_MAX: usize = 16 << 20;

/// What was recorded.
pub struct Recording {
    /// The files before.
    pub start: Disk,
    /// What was done to them.
    pub history: History,
}

/// Where a subject plays: its files, and beside them its promises.
pub struct Stage {
    directory: TempDir,
    /// The name of the test that calls [`play`].
    test: &'static str,
}

impl Stage {
    /// An empty stage. The test of that name, in the same binary, calls [`play`].
    ///
    /// # Errors
    ///
    /// Those of files.
    pub fn new(test: &'static str) -> io::Result<Self> {
        let directory = scratch()?;
        fs::create_dir(directory.path().join("data"))?;
        Ok(Self { directory, test })
    }

    /// Where the subject's files are.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Says that promises were made, of what lies there already.
    ///
    /// # Errors
    ///
    /// Those of files.
    pub fn set_promised(&self, number: u64) -> io::Result<()> {
        Promises::open(&promises(self.directory.path()))?.promise(number);
        Ok(())
    }

    /// Runs the named subject so many times, one process after another.
    ///
    /// # Errors
    ///
    /// `strace` is missing, the subject fails, or it does what is not understood.
    pub fn record(&self, subject: &str, seed: u64, lives: u64, rules: Rules) -> Result<Recording, String> {
        let (place, data) = (self.directory.path(), self.data());
        let promises = promises(place);
        let wrong = |error: io::Error| error.to_string();
        let mut start = Disk::read(&data, rules).map_err(wrong)?;
        start.set_promised(Promises::open(&promises).map_err(wrong)?.last());
        let mut translator = Translator::new(&data, &promises).map_err(wrong)?;
        for _ in 0..lives {
            let trace = self.run(subject, seed)?;
            translator.translate(&parse(&trace)?)?;
        }
        Ok(Recording { start, history: translator.finish() })
    }

    fn run(&self, subject: &str, seed: u64) -> Result<String, String> {
        let trace = self.directory.path().join("trace");
        let own = env::current_exe().map_err(|error| error.to_string())?;
        let output = Command::new("strace")
            .args(["--seccomp-bpf", "-f", "-y", "-xx", "-e", "signal=none", "-s"])
            .arg(STRING_BYTES_MAX.to_string())
            .args(["-e", &format!("trace={CALLS}"), "-o"])
            .arg(&trace)
            .arg(own)
            .args(["--exact", self.test, "--test-threads=1", "--nocapture"])
            .env(SUBJECT, subject)
            .env(STAGE, self.directory.path())
            .env(SEED, seed.to_string())
            .output()
            .map_err(|error| format!("strace does not run ({error}); tests/foreign/install installs it"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("{subject} ended with {}:\n{said}", output.status));
        }
        fs::read_to_string(&trace).map_err(|error| error.to_string())
    }
}

/// In a process that [`Stage::record`] started: plays the subject that is asked for, and ends. In any other: does
/// nothing.
pub fn play(subjects: &[(&str, &dyn Subject)]) {
    let Ok(name) = env::var(SUBJECT) else { return };
    let (_, subject) =
        subjects.iter().find(|(other, _)| *other == name).unwrap_or_else(|| panic!("there is no {name}"));
    let place = PathBuf::from(env::var_os(STAGE).expect("it is set with the subject"));
    let seed = env::var(SEED).ok().and_then(|seed| seed.parse().ok()).expect("it is set with the subject");
    let mut promises = Promises::open(&promises(&place)).expect("the stage is there");
    subject.workload(&place.join("data"), seed, &mut promises);
}

fn promises(place: &Path) -> PathBuf {
    place.join("promises")
}
