//! Publishes to sessions whose clients are away: what it costs a broker to keep messages.
//!
//! The sessions stay, with all that is in them, for `tw bench drain`.

use clap::Args;

use super::load::{Load, STALL};
use super::mark::PUBLISHERS_MAX;
use super::publishing::PublishingArgs;
use super::raw::{Peer, Standing, TOGETHER, Wanted};
use super::report::Report;
use super::usage::Each;
use super::{BenchArgs, Failure};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  tw bench offline -q 1 && tw bench drain -q 1")]
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
    let broker = args.mqtt_broker()?;
    let publishing = &scenario.publishing;
    if publishing.qos.as_u8() == 0 {
        return Err(Failure::Other(
            "nobody need keep messages of QoS 0 for who is away: add -q 1".to_owned(),
        ));
    }
    let sessions = &scenario.sessions;
    let topics: Vec<_> = (0..sessions.sessions).map(|index| sessions.topic(index)).collect();
    for (group, first) in topics.chunks(TOGETHER).zip((0..).step_by(TOGETHER)) {
        let client_ids: Vec<_> = (first..).take(group.len()).map(|index| sessions.client_id(index)).collect();
        // What an earlier run has left.
        let former = client_ids.iter().cloned().map(Standing::Former).collect();
        Peer::leave_all(Peer::connect_all(&broker, former)?)?;
        let residents = client_ids.into_iter().map(Standing::Resident).collect();
        let mut peers = Peer::connect_all(&broker, residents)?;
        Peer::subscribe_all(&mut peers, Wanted::Qos(publishing.qos), |index| group[index].clone())?;
        Peer::leave_all(peers)?;
    }
    // Nobody receives.
    let publishers = publishing.connect(&broker, scenario.publishers, 0, &topics)?;
    let mut load = Load::new(publishers, Vec::new(), publishing.flow.every())?;
    let outcome = load.run(publishing.plan(args, scenario.publishers, 1))?;
    let mut report = Report::default();
    report.add("scenario", "offline");
    publishing.add_to(&mut report, &broker);
    report.add("sessions", scenario.sessions.sessions);
    report.add("publishers", scenario.publishers);
    outcome.add_publishes_to(&mut report, &load);
    report.add_measured("duration_s", outcome.acknowledged_within.as_secs_f64());
    let acknowledged = outcome.counted.acknowledged;
    outcome.usage.add_to(&mut report, outcome.took(), acknowledged, &Each::MESSAGE);
    let unacknowledged = outcome.in_all.sent - outcome.in_all.acknowledged;
    if outcome.is_stalled {
        let seconds = STALL.as_secs();
        report
            .set_fault(format!("nothing moved for {seconds} s: {unacknowledged} messages not acknowledged"));
    }
    Ok(report)
}
