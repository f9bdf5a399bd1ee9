//! Publishes to sessions whose clients are away: what it costs a broker to keep messages.
//!
//! The sessions stay, with all that is in them, for `tw bench drain`.

use clap::Args;

use super::BenchArgs;
use super::load::{Load, STALL};
use super::pairs::PublishingArgs;
use super::raw::{Peer, Standing};
use super::report::Report;
use super::template::PUBLISHERS_MAX;
use crate::tw::Failure;

#[derive(Args, Debug)]
pub(super) struct OfflineArgs {
    #[command(flatten)]
    pub(super) sessions: SessionsArgs,
    /// Publishers; each publishes to the sessions dealt to it, by turns.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..=PUBLISHERS_MAX.into()))]
    publishers: u32,
    #[command(flatten)]
    publishing: PublishingArgs,
}

/// Sessions that one run makes and another finds again.
#[derive(Args, Debug)]
pub(super) struct SessionsArgs {
    /// Sessions.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) sessions: u32,
    /// What their client identifiers and topics begin with.
    #[arg(long, default_value = "offline")]
    name: String,
}

impl SessionsArgs {
    pub(super) fn client_id(&self, index: u32) -> String {
        format!("tw-bench-{}-{index}", self.name)
    }

    fn topic(&self, index: u32) -> String {
        format!("bench/{}/{index}", self.name)
    }
}

pub(super) fn run(args: &BenchArgs, scenario: &OfflineArgs) -> Result<Report, Failure> {
    let publishing = &scenario.publishing;
    if publishing.qos.as_u8() == 0 {
        return Err(Failure::Other(
            "nobody need keep messages of QoS 0 for who is away: add -q 1".to_owned(),
        ));
    }
    let mut topics = Vec::new();
    for index in 0..scenario.sessions.sessions {
        let (client_id, topic) = (scenario.sessions.client_id(index), scenario.sessions.topic(index));
        // What an earlier run has left.
        Peer::forget(&args.url, args.version, &client_id)?;
        let mut peer = Peer::connect(&args.url, args.version, Standing::Resident(&client_id))?;
        peer.subscribe(&topic, publishing.qos)?;
        peer.leave()?;
        topics.push(topic);
    }
    let publishers = publishing.connect(args, scenario.publishers, &topics)?;
    let mut load = Load::new(publishers, Vec::new(), args.pid)?;
    let outcome = load.run(publishing.duration())?;
    let mut report = Report::default();
    report.add("scenario", "offline");
    publishing.add_to(&mut report, args);
    report.add("sessions", scenario.sessions.sessions);
    report.add("publishers", scenario.publishers);
    outcome.add_publishes_to(&mut report, &load);
    report.add_measured("duration_s", outcome.acknowledged_within.as_secs_f64());
    outcome.add_usage_to(&mut report, load.sum(|publisher| publisher.acknowledged));
    let unacknowledged = load.sum(|publisher| publisher.sent - publisher.acknowledged);
    if outcome.is_stalled {
        let seconds = STALL.as_secs();
        report
            .set_fault(format!("nothing moved for {seconds} s: {unacknowledged} messages not acknowledged"));
    }
    Ok(report)
}
