//! An acknowledgement means: on disk. The release binary runs under mixed load with clients that were written elsewhere
//! (paho-mqtt, stomp.py), is killed with SIGKILL at random instants, and starts again on the same data directory; what
//! comes out is compared with what was acknowledged.
//!
//! * `daemon`: the broker's process, killed and started again
//! * `load`: the clients' process, `tests/crash/load.py`, told by lines what has become of the broker
//! * `report`: the table at the end, and what is held against the broker
//!
//! A round: the broker starts, and must answer within five seconds; a newcomer looks at what is retained; the clients
//! connect again to their sessions and check them; they work for a moment; the broker is killed. Every fourth kill
//! comes while the clients are still connecting, and some rounds begin with a kill within the first 50 ms of a
//! start, which may hit the recovery. In the last round nobody is killed, and all that is still owed must come.
//!
//! What is held, of whatever the client has seen acknowledged before the kill:
//!
//! * a publish of QoS 1, or a SEND to a topic, reaches every persistent session and durable subscription, those that
//!   were away too; first arrivals keep the order of each publisher and topic; repeats need a reconnection
//! * a publish of QoS 2 does so exactly once, and one that was not acknowledged at most once; the clients keep their
//!   halves of the exchanges
//! * a retained value, or its clearing, is what was acknowledged last, or something sent later
//! * a session is present, and its subscriptions are as they were acknowledged
//! * a retained will is published, since its client's connection has ended with the broker
//! * a message in a work queue is delivered until the receipt of its ACK, and never after; NACK puts it back
//! * of a transaction (messages sent, and one acknowledged) everything takes effect, or nothing
//!
//! `TIDEWIRE_CRASH_KILLS=200 cargo test -p tidewire-tests --test crash -- --nocapture` is the long version;
//! `TIDEWIRE_CRASH_SEED` makes other choices. The seed decides what is done and for how long, not what the kernel makes
//! of it. Whether the harness itself is right is shown by three more tests: where connections are cut and the broker
//! goes on, nothing may be missed; a store that keeps nothing must be found out in every row of the table; and breaches
//! that are planted in the bookkeeping must be seen (`tests/crash/planted.py`).

mod daemon;
mod full_disk;
mod load;
mod report;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use tidewire_tests::random::Random;

use crate::daemon::Daemon;
use crate::load::{DEADLINE, Load, python};
use crate::report::Report;

/// How the clients lose their connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// The broker is killed.
    Kill,
    /// The clients drop them, and the broker goes on.
    Cut,
}

#[test]
fn what_was_acknowledged_survives_kills() {
    let rounds = setting("KILLS").unwrap_or(12);
    play("always", Loss::Kill, rounds, |report| report.hold());
}

#[test]
fn cut_connections_lose_nothing() {
    play("memory", Loss::Cut, 5, |report| report.hold());
}

#[test]
fn a_store_in_memory_is_found_out() {
    play("memory", Loss::Kill, 2, |report| {
        for row in &report.rows {
            assert!(row.failures() > 0, "{} loses nothing without a disk: is it checked?", row.name);
        }
    });
}

#[test]
fn planted_breaches_are_found() {
    let status = python("planted.py").status().expect("Python can be run");
    assert!(status.success(), "it says what was missed");
}

/// Plays that many rounds and the last one, and has the report judged. When that fails, the data stays.
fn play(sync: &str, loss: Loss, rounds: u64, judge: impl FnOnce(&Report)) {
    // One after the other: each is enough work for a small machine.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut directory = tempfile::tempdir().expect("a temporary directory can be made");
    directory.disable_cleanup(true);
    let seed = setting("SEED").unwrap_or(1);
    say(&format!(
        "seed {seed} (TIDEWIRE_CRASH_SEED), {rounds} rounds, sync {sync}, in {}",
        directory.path().display()
    ));
    let report = rounds_of(directory.path(), sync, loss, rounds, seed);
    say(&report.to_string());
    judge(&report);
    directory.disable_cleanup(false);
}

fn rounds_of(directory: &Path, sync: &str, loss: Loss, rounds: u64, seed: u64) -> Report {
    let mut random = Random::new(seed, 0);
    let mut daemon = Daemon::new(directory, sync, &mut random);
    let mut load = Load::start(seed, daemon.ports());
    let mut kills_in_recovery = 0;
    daemon.start();
    for round in 0..rounds {
        load.tell("up");
        // Sessions and subscriptions that the others rely on are made in the first round, which is never cut short.
        if round % 4 == 3 {
            sleep(moment(&mut random, 0..300));
        } else {
            load.hear("loaded", DEADLINE);
            sleep(moment(&mut random, 200..2000));
        }
        if loss == Loss::Cut {
            load.tell("cut");
            load.hear("down", DEADLINE);
            continue;
        }
        daemon.kill();
        load.tell("down");
        load.hear("down", DEADLINE);
        while random.percent(25) {
            daemon.spawn();
            sleep(moment(&mut random, 0..50));
            daemon.kill();
            kills_in_recovery += 1;
        }
        daemon.start();
    }
    load.tell("finish");
    // What has waited through all the rounds comes in this one.
    let account = load.hear("report", DEADLINE + Duration::from_secs(2 * rounds));
    daemon.kill();
    Report::new(&account, kills_in_recovery, daemon.starts(), daemon.complaints())
}

fn moment(random: &mut Random, milliseconds: std::ops::Range<usize>) -> Duration {
    let chosen = milliseconds.start + random.below(milliseconds.len());
    Duration::from_millis(chosen as u64)
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(format!("TIDEWIRE_CRASH_{name}")).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("TIDEWIRE_CRASH_{name} is a number, not {text:?}")))
}

#[expect(clippy::print_stdout, reason = "the account of the crashes is what the test is run for")]
fn say(text: &str) {
    println!("{text}");
}
