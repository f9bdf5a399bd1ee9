//! Pairs at QoS 0 over WebSocket, by one of two client libraries: `tidewire-client` or `rumqttc`.
//!
//! ```text
//! tidewire-client-bench LIBRARY URL SECONDS        messages a second, microseconds of CPU a message, and how many were lost
//! ```
//!
//! Ten publishers, each with a subscriber of its own; 64-byte payloads, MQTT 3.1.1. A publisher is at most [`AHEAD`] messages
//! ahead of its subscriber, so that the broker never has to drop one.

mod pair;
mod rumqttc_side;
mod tidewire_side;

use std::error::Error;
use std::time::{Duration, Instant};
use std::{env, fs};

use tokio::task::JoinSet;

use self::pair::Pair;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [library, url, seconds] = arguments.as_slice() else {
        return Err("usage: tidewire-client-bench tidewire|rumqttc ws://HOST:PORT/ SECONDS".into());
    };
    let mut running = JoinSet::new();
    let pairs: Vec<Pair> = (0..PAIRS).map(|number| Pair::new(library, number)).collect();
    for pair in &pairs {
        match library.as_str() {
            "tidewire" => tidewire_side::start(pair, url, &mut running).await?,
            "rumqttc" => rumqttc_side::start(pair, url, &mut running).await?,
            other => return Err(format!("there is no library {other}: tidewire or rumqttc").into()),
        }
    }
    tokio::time::sleep(WARM_UP).await;
    let (received, cpu, began) = (received(&pairs), cpu_time()?, Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds.parse()?)).await;
    let messages = self::received(&pairs) - received;
    let (cpu, took) = (cpu_time()? - cpu, began.elapsed());
    if let Some(ended) = running.try_join_next() {
        ended??;
        return Err("a client ended before its time".into());
    }
    let missing = pairs.iter().map(Pair::missing).sum::<u64>();
    #[allow(clippy::cast_precision_loss, reason = "counts of some millions")]
    let (per_second, each) = (messages as f64 / took.as_secs_f64(), cpu.as_secs_f64() * 1e6 / messages as f64);
    println!("{per_second:.0} {each:.4} {missing}");
    Ok(())
}

fn received(pairs: &[Pair]) -> u64 {
    pairs.iter().map(Pair::received).sum()
}

/// What this process has used, of all its threads (proc(5), `stat`, fields 14 and 15; in hundredths of a second).
fn cpu_time() -> Outcome<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').ok_or("stat has another form")?.1;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    Ok(Duration::from_millis(ticks * 10))
}

const PAIRS: usize = 10;
const WARM_UP: Duration = Duration::from_secs(1);
