//! No inner loop of the broker becomes dearer unnoticed. Time is noise on a shared machine; the number of instructions is
//! not: the example `instructions` runs each loop under callgrind, and `tests/instructions.toml` says what it may cost.

mod baseline;
mod callgrind;

use std::path::Path;
use std::sync::Mutex;
use std::thread;

use tidewire_tests::binary;

use self::baseline::{Baseline, Measured};

/// What makes this test write the file instead of holding the counts against it.
const VARIABLE: &str = "TIDEWIRE_INSTRUCTIONS";
/// Scenarios that are counted at the same time.
const THREADS: usize = 2;

#[test]
fn nothing_costs_more_than_it_did() {
    let program = binary::example("instructions");
    let measured = measure_all(&program);
    print!("{}", baseline::text(&measured));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.toml");
    if std::env::var(VARIABLE).is_ok_and(|value| value == "write") {
        std::fs::write(&path, baseline::text(&measured)).expect("the file of this package can be written");
        return;
    }
    let text = std::fs::read_to_string(&path).expect("the file of this package is there");
    let baseline: Baseline =
        toml::from_str(&text).expect("tests/instructions.toml has a number for each scenario");
    let breaches = baseline::breaches(&baseline, &measured);
    assert!(
        breaches.is_empty(),
        "\n{}\nIf that is meant, and the release build is of these very sources, \
         `{VARIABLE}=write cargo test -p tidewire-tests --test instructions` writes tests/instructions.toml anew; \
         docs/benchmarks.md says how to look for what costs.",
        breaches.join("\n")
    );
}

fn measure_all(program: &Path) -> Vec<Measured> {
    let scenarios = callgrind::scenarios(program);
    let waiting = Mutex::new(scenarios.iter().rev().collect::<Vec<_>>());
    let measured = Mutex::new(Vec::new());
    let next = || waiting.lock().expect("no thread has failed").pop();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(scenario) = next() {
                    let one = callgrind::measure(program, scenario);
                    measured.lock().expect("no thread has failed").push(one);
                }
            });
        }
    });
    let mut measured = measured.into_inner().expect("no thread has failed");
    measured.sort_by_key(|one| scenarios.iter().position(|scenario| scenario.name == one.name));
    measured
}
