//! Random clients against an independent model of what MQTT promises them.
//!
//! A seed makes a [`script`]: what a few clients do, on few topics. [`play`] says it to a broker on virtual time and to
//! the [`model`], a plain list of subscriptions, and holds after each step that every client has heard exactly what it
//! is owed: which messages, QoS, flags, identifiers, order, resends, answers, wills. Where the specification leaves a
//! choice the model allows each choice.
//!
//! A failure prints the seed and the steps that are needed for it. To play it again:
//!
//! ```text
//! TIDEWIRE_ORACLE_SEED=… TIDEWIRE_ORACLE_SEQUENCES=1 cargo test -p tidewire-tests --test oracle
//! ```

mod act;
mod actor;
mod model;
mod play;
mod random;
mod say;
mod script;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use self::play::play;
use self::script::Script;

/// The first seed, unless the environment names another: fixed, so that a run in CI can be repeated.
const SEED: u64 = 1;
/// Sequences, unless the environment names another number.
const SEQUENCES: u64 = 15_000;
/// Threads that play.
const THREADS: usize = 2;
/// Times that a failing script is played with a step left out.
const SHRINKS_MAX: usize = 2_000;

#[test]
fn clients_hear_what_the_model_owes_them() {
    let (seed, sequences) =
        (setting("TIDEWIRE_ORACLE_SEED", SEED), setting("TIDEWIRE_ORACLE_SEQUENCES", SEQUENCES));
    println!("{sequences} sequences from seed {seed}");
    let next = AtomicU64::new(0);
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= sequences {
                        break;
                    }
                    if hold(&Script::of(seed + number)).is_err() {
                        // The first of them, whichever thread comes first.
                        next.store(sequences, Ordering::Relaxed);
                        let mut failed = failed.lock().expect("nothing panics while it is held");
                        let first = failed.map_or(number, |other: u64| other.min(number));
                        *failed = Some(first);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nothing panicked while it was held");
    if let Some(number) = failed {
        panic!("sequence {} of {sequences}: {}", number + 1, report(seed + number));
    }
}

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")),
        Err(_) => default,
    }
}

/// Plays a script; a panic is a failure of its last step.
fn hold(script: &Script) -> Result<(), (usize, String)> {
    let result = catch_unwind(AssertUnwindSafe(|| play(script)));
    result.unwrap_or_else(|_| Err((script.steps.len() - 1, "a panic".to_owned())))
}

/// What went wrong with a seed, with no more steps than it needs.
fn report(seed: u64) -> String {
    let mut script = Script::of(seed);
    let Err((mut last, mut error)) = hold(&script) else { return format!("seed {seed} does not fail again") };
    script.steps.truncate(last + 1);
    let mut plays = 0;
    let mut position = 0;
    while position < script.steps.len() && plays < SHRINKS_MAX {
        let mut shorter = script.clone();
        shorter.steps.remove(position);
        plays += 1;
        match hold(&shorter) {
            Err(failure) if !shorter.steps.is_empty() => {
                (last, error) = failure;
                shorter.steps.truncate(last + 1);
                script = shorter;
                // What came before may be left out now.
                position = 0;
            }
            _ => position += 1,
        }
    }
    let steps: Vec<_> =
        script.steps.iter().enumerate().map(|(number, step)| format!("{number:3} {step:?}")).collect();
    format!(
        "seed {seed} over {:?}, {} clients\n{}\nat step {last}: {error}\nto play it again: TIDEWIRE_ORACLE_SEED={seed} \
         TIDEWIRE_ORACLE_SEQUENCES=1 cargo test -p tidewire-tests --test oracle",
        script.wire,
        script.clients,
        steps.join("\n")
    )
}
