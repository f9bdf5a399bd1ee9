//! Sessions come back and take everything that waits for them: what `tw bench offline` has left.

use std::time::{Duration, Instant};

use clap::Args;

use super::arrivals::Arrivals;
use super::deliveries::Deliveries;
use super::load::receive;
use super::offline::SessionsArgs;
use super::progress::Progress;
use super::publishing::broker_to;
use super::raw::{Broker, Peer, Poller, Standing};
use super::report::Report;
use super::subscriber::Subscriber;
use super::usage::{Each, Meter, Usage};
use super::{BenchArgs, Failure};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  tw bench offline -q 1 && tw bench drain -q 1")]
pub(super) struct DrainArgs {
    #[command(flatten)]
    sessions: SessionsArgs,
    /// Messages that wait in each session: the next one takes its place when they are there, and what is missing is
    /// lost [default: take what comes, until nothing has come for 2 s].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    messages: Option<u64>,
    /// Sessions that are connected at a time [default: all].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    connections: Option<u32>,
}

pub(super) fn run(args: &BenchArgs, scenario: &DrainArgs) -> Result<Report, Failure> {
    let total = scenario.messages.map(|messages| messages * u64::from(scenario.sessions.sessions));
    let mut drain = Drain {
        broker: args.mqtt_broker()?,
        scenario,
        progress: Progress::new(!args.json, total, "messages"),
        nobody: Deliveries::new(0, 1),
        poller: Poller::new()?,
        connected: Vec::new(),
        next: 0,
        open: 0,
        received: 0,
        without_session: 0,
    };
    let meter = Meter::start(args.pid)?;
    let took = drain.run(Instant::now())?;
    let usage = meter.stop()?;
    Ok(drain.report(took, &usage))
}

struct Drain<'a> {
    broker: Broker,
    scenario: &'a DrainArgs,
    progress: Progress,
    nobody: Deliveries,
    poller: Poller,
    /// One for each session that has begun; `None` behind what has arrived when it is done.
    connected: Vec<(Option<Subscriber>, Arrivals)>,
    next: u32,
    open: u32,
    received: u64,
    without_session: u32,
}

impl Drain<'_> {
    /// Returns when the last message came.
    fn run(&mut self, begin: Instant) -> Result<Duration, Failure> {
        let (mut last, mut ready) = (Duration::ZERO, Vec::new());
        loop {
            let room = self.scenario.connections.unwrap_or(u32::MAX);
            while self.open < room && self.next < self.scenario.sessions.sessions {
                self.connect()?;
            }
            if self.open == 0 {
                return Ok(last);
            }
            self.poller.wait(TURN_MAX, &mut ready)?;
            let before = self.received;
            for &token in &ready {
                self.take(token)?;
            }
            let received = self.received;
            self.progress.show(begin.elapsed(), || received);
            match self.received > before {
                true => last = begin.elapsed(),
                false if begin.elapsed().saturating_sub(last) > IDLE => return Ok(last),
                false => {}
            }
        }
    }

    fn connect(&mut self) -> Result<(), Failure> {
        let client_id = self.scenario.sessions.client_id(self.next);
        let peer = Peer::connect(&self.broker, Standing::Resident(client_id))?;
        self.without_session += u32::from(!peer.is_session_present);
        let token = self.connected.len() as u64;
        let subscriber = Subscriber::new(peer.into_link()?);
        self.poller.add(&subscriber.link, token)?;
        self.connected.push((Some(subscriber), Arrivals::default()));
        (self.next, self.open) = (self.next + 1, self.open + 1);
        // Something may have come with the answer to CONNECT.
        self.handle(token)
    }

    fn take(&mut self, token: u64) -> Result<(), Failure> {
        let Some(subscriber) = &mut self.connected[token as usize].0 else { return Ok(()) };
        match receive(&mut subscriber.link)? {
            true => self.handle(token),
            false => self.poller.flush(&mut subscriber.link, token),
        }
    }

    fn handle(&mut self, token: u64) -> Result<(), Failure> {
        let (subscriber, arrivals) = &mut self.connected[token as usize];
        let Some(open) = subscriber else { return Ok(()) };
        let before = open.arrivals.received();
        open.handle(&mut self.nobody)?;
        self.received += open.arrivals.received() - before;
        self.poller.flush(&mut open.link, token)?;
        let is_done = self.scenario.messages.is_some_and(|messages| open.arrivals.received() >= messages);
        if is_done && !open.link.is_unsent() {
            self.poller.remove(&open.link)?;
            *arrivals = std::mem::take(&mut open.arrivals);
            *subscriber = None;
            self.open -= 1;
        }
        Ok(())
    }

    fn report(&self, took: Duration, usage: &Usage) -> Report {
        let sum = |figure: fn(&Arrivals) -> u64| {
            let each = self.connected.iter();
            each.map(|(open, done)| figure(open.as_ref().map_or(done, |open| &open.arrivals))).sum::<u64>()
        };
        let sessions = self.scenario.sessions.sessions;
        let lost = match self.scenario.messages {
            Some(messages) => (messages * u64::from(sessions)).saturating_sub(self.received),
            None => sum(Arrivals::missing),
        };
        let mut report = Report::default();
        report.add("scenario", "drain");
        broker_to(&mut report, &self.broker);
        report.add("sessions", sessions);
        report.add("connections", self.scenario.connections.unwrap_or(sessions).min(sessions));
        report.add("sessions_not_found", self.without_session);
        report.add("messages", self.received);
        report.add_measured("duration_s", took.as_secs_f64());
        report.add_rate("messages_per_s", self.received, took);
        usage.add_to(&mut report, took, self.received, &Each::MESSAGE);
        report.add("lost", lost);
        report.add("duplicates", sum(Arrivals::duplicates));
        report.add("out_of_order", sum(Arrivals::out_of_order));
        report.add("foreign", sum(Arrivals::foreign));
        if self.without_session > 0 {
            let missing = self.without_session;
            report.set_fault(format!(
                "{missing} sessions were not there: run tw bench offline first, with the same --sessions and --name"
            ));
        } else if lost > 0 {
            report.set_fault(format!("{lost} messages lost"));
        }
        report
    }
}

const TURN_MAX: Duration = Duration::from_millis(100);
const IDLE: Duration = Duration::from_secs(2);
