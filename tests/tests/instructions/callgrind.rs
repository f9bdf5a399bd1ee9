//! Runs scenarios under callgrind.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::baseline::Measured;

/// What is counted: what runs inside the example's function of this name.
const TOGGLE: &str = "--toggle-collect=*measured_part*";

/// Small blocks are always taken from the thread's cache. What glibc does beyond it depends on how the heap happens to lie,
/// which hash seeds and addresses decide: counts of one build would differ by 0.8 % instead of 0.1 %.
/// And large copies are made of vectors, as small ones are: of the instruction that copies any number of bytes, callgrind
/// counts each byte.
const TUNABLES: (&str, &str) =
    ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=10000:glibc.cpu.x86_rep_movsb_threshold=1000000000");

/// A scenario of the example.
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// What its instructions are divided by.
    unit: String,
}

/// The scenarios that there are.
pub(crate) fn scenarios(program: &Path) -> Vec<Scenario> {
    let listed = output(program, &[]);
    let scenario = |line: &str| {
        let (name, unit) = line.split_once('\t').expect("each line is a name and a unit");
        Scenario { name: name.to_owned(), unit: unit.to_owned() }
    };
    listed.lines().map(scenario).collect()
}

/// Runs of a scenario, of which the cheapest counts: the seeds of hash maps decide how often two keys meet, which makes one
/// run in ten dearer by five per cent.
const RUNS: usize = 3;

/// Counts the instructions of one.
pub(crate) fn measure(program: &Path, scenario: &Scenario) -> Measured {
    let runs = (0..RUNS).map(|_| measure_once(program, scenario));
    let instructions = runs.min_by(f64::total_cmp).expect("there are runs");
    Measured { name: scenario.name.clone(), unit: scenario.unit.clone(), instructions }
}

/// Instructions a unit.
fn measure_once(program: &Path, scenario: &Scenario) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = folder.path().join("profile");
    let profile_option = format!("--callgrind-out-file={}", profile.display());
    let arguments = [
        "--quiet".as_ref(),
        "--tool=callgrind".as_ref(),
        "--collect-atstart=no".as_ref(),
        TOGGLE.as_ref(),
        profile_option.as_ref(),
        program.as_os_str(),
        scenario.name.as_ref(),
    ];
    let units: f64 =
        output("valgrind".as_ref(), &arguments).trim().parse().expect("it says how many units it did");
    let profile = std::fs::read_to_string(&profile).expect("callgrind leaves a profile");
    let total = total(&profile).expect("a profile says what it comes to");
    // A unit of a single instruction is none: then the function was not found.
    assert!(total > units, "{}: {total} instructions were counted in {units} units", scenario.name);
    total / units
}

/// Instructions of a whole profile.
fn total(profile: &str) -> Option<f64> {
    profile
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .and_then(|number| number.trim().parse().ok())
}

/// What a program says that succeeds.
fn output(program: &Path, arguments: &[&OsStr]) -> String {
    let (variable, value) = TUNABLES;
    let output =
        Command::new(program).args(arguments).env(variable, value).output().unwrap_or_else(|error| {
            panic!("{} does not run ({error}); tests/foreign/install installs valgrind", program.display())
        });
    assert!(output.status.success(), "{} {arguments:?}: {output:?}", program.display());
    String::from_utf8(output.stdout).expect("its output is UTF-8")
}

#[test]
fn the_total_of_a_profile_is_found() {
    let profile = "version: 1\nevents: Ir\nfn=(1) measured_part\n12 7\n\ntotals: 4711\n";
    assert_eq!(total(profile), Some(4711.0));
    assert_eq!(total("version: 1\n"), None);
}
