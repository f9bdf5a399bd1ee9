//! Five hundred clients lose their broker at once: they come back spread over the time that is set, and not as a herd.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tidewire_client::{Client, Options, Protocol, Reconnect, State, Url, connect};
use tidewire_tests::random::Random;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::daemon::Daemon;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_come_back_spread() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let mut daemon =
        Daemon::new(directory.path(), "memory", &mut Random::new(u64::from(std::process::id()), 1));
    daemon.start();
    let [_, mqtt, _] = daemon.ports();
    let mut clients = enter(mqtt).await;

    // Whoever listens in its place notes when each of them comes, and lets nobody in.
    let mut waits = JoinSet::new();
    for client in &clients {
        waits.spawn(first_wait(client.clone()));
    }
    daemon.kill();
    let lost = Instant::now();
    let arrivals = arrivals(mqtt, lost).await;
    let mut waited = Vec::new();
    while let Some(wait) = waits.join_next().await {
        waited.extend(wait.expect("a client goes on"));
    }

    // Each waits for a time of its own, anything from nothing to the first delay.
    assert!(waited.len() > CLIENTS * 9 / 10, "{} of {CLIENTS} were seen to wait", waited.len());
    assert!(waited.iter().all(|wait| *wait <= FIRST_DELAY), "{:?}", waited.iter().max());
    let share = parts(&waited, FIRST_DELAY);
    let even = waited.len() / PARTS;
    assert!(share.iter().all(|part| (even / 2..even * 2).contains(part)), "the waits are uneven: {share:?}");
    // That is how they arrive, as far as a busy machine lets them.
    let share = parts(&arrivals, FIRST_DELAY);
    let most = share.iter().max().copied().unwrap_or_default();
    assert!(
        most < arrivals.len() / 3,
        "of {} first tries, a tenth of the time saw {most}: {share:?}",
        arrivals.len()
    );

    daemon.start();
    for client in clients.drain(..) {
        let mut state = client.state();
        let back = timeout(DEADLINE, state.wait_for(|state| matches!(state, State::Connected { .. }))).await;
        back.expect("everybody is back").expect("the client is there");
        client.disconnect().await.expect("a client says goodbye");
    }
}

async fn enter(port: u16) -> Vec<Client> {
    let url: Url = format!("mqtt://127.0.0.1:{port}").parse().expect("the address is well-formed");
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let options = Options::default()
            .with_protocol(Protocol::Mqtt5)
            .with_client_id(format!("herd-{number}"))
            .with_reconnect(Reconnect::default().with_delays(FIRST_DELAY, FIRST_DELAY * 2));
        clients.push(connect(&url, options).await.expect("the broker takes the connection"));
    }
    clients
}

/// How long it is going to wait when it has lost the broker. A wait that is over at once may pass unseen.
async fn first_wait(client: Client) -> Option<Duration> {
    let mut state = client.state();
    let changed = timeout(DEADLINE, state.wait_for(|state| !matches!(state, State::Connected { .. }))).await;
    match &*changed.expect("the client notices").expect("the client is there") {
        State::Waiting { retry_in, .. } => Some(*retry_in),
        _ => None,
    }
}

/// When the first tries come, from `lost` on.
async fn arrivals(port: u16, lost: Instant) -> Vec<Duration> {
    let listener =
        TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.expect("its port is free");
    let mut arrivals = Vec::new();
    let everybody = async {
        while arrivals.len() < CLIENTS {
            // Closed at once: whoever came tries again after its next delay, which may be within this time too.
            drop(listener.accept().await.expect("a client comes"));
            arrivals.push(lost.elapsed());
        }
    };
    let _ = timeout(FIRST_DELAY + SLACK, everybody).await;
    arrivals
}

/// How many fall into each part of the time; what is later counts as the last part's.
fn parts(times: &[Duration], whole: Duration) -> [usize; PARTS] {
    let mut counts = [0; PARTS];
    for time in times {
        let part = usize::try_from(time.as_millis() * PARTS as u128 / whole.as_millis()).unwrap_or(PARTS);
        counts[part.min(PARTS - 1)] += 1;
    }
    counts
}

const CLIENTS: usize = 500;
const PARTS: usize = 10;
const FIRST_DELAY: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_millis(500);
const DEADLINE: Duration = Duration::from_secs(60);
