//! What the clients do: a list of steps, made from a seed before anything is played.
//!
//! A step that makes no sense when its turn comes (a client publishes that is not connected) is passed over, so that
//! any step can be left out of a script and the rest still be played.

use tidewire_tests::peer::Wire;

use crate::random::Random;

/// Clients at most.
const CLIENTS_MAX: usize = 8;
/// The fewest and the most steps.
const STEPS: (usize, usize) = (20, 60);

/// Topic names: few, so that clients meet.
const TOPICS: [&str; 7] = ["a", "a/b", "a/b/c", "a/", "b", "b/b", "/b"];
/// A topic that no client may publish to.
pub(crate) const FORBIDDEN_TOPIC: &str = "$a/b";
/// Topic filters. At most two shared ones match any topic: see `Model::take_by_exchange`.
const FILTERS: [&str; 17] = [
    "a",
    "a/b",
    "b",
    "/b",
    "a/+",
    "a/#",
    "a/b/#",
    "#",
    "+",
    "+/b",
    "+/+/c",
    "/+",
    "$a/#",
    "$share/g/a/+",
    "$share/g/b",
    "$share/h/#",
    "$share/h/$a/#",
];
const EXPIRY_NEVER: u32 = u32::MAX;

/// One sequence.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// What carries it.
    pub(crate) wire: Wire,
    /// How many clients take part.
    pub(crate) clients: usize,
    /// What they do.
    pub(crate) steps: Vec<Step>,
}

/// What one client does, or that time passes.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Connects, or takes its own session over.
    Connect { client: usize, connect: Connect },
    /// Subscribes to all of these in one packet.
    Subscribe { client: usize, wanted: Vec<Wanted>, identifier: Option<u32> },
    /// Unsubscribes from all of these in one packet.
    Unsubscribe { client: usize, filters: Vec<&'static str> },
    /// Publishes. With `hold` it does not release a QoS 2 publish yet; with `alias` it uses that topic alias.
    Publish { client: usize, words: Words, hold: bool, alias: Option<u16> },
    /// Sends its oldest unreleased QoS 2 publish again.
    Repeat { client: usize },
    /// Releases its oldest QoS 2 publish, or with `unknown` one that there is not.
    Release { client: usize, unknown: bool },
    /// Acknowledges some of what it holds back, one step of each exchange; with `refuse` it says that it failed.
    Acknowledge { client: usize, count: usize, newest: bool, refuse: bool },
    /// Says goodbye; with an expiry, its session is to last that long.
    Disconnect { client: usize, with_will: bool, expiry: Option<u32> },
    /// Is lost.
    Lose { client: usize },
    /// Time passes.
    Pass { secs: u32 },
}

/// A CONNECT.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    /// MQTT 5; else 3.1.1, where what it does not know is left out.
    pub(crate) v5: bool,
    /// Clean start, or clean session.
    pub(crate) clean: bool,
    /// The session expiry interval.
    pub(crate) expiry: u32,
    /// Receive Maximum.
    pub(crate) receive_maximum: Option<u16>,
    /// Topic Alias Maximum.
    pub(crate) alias_maximum: u16,
    /// Whether it acknowledges at once; else when a step says so.
    pub(crate) at_once: bool,
    /// The will and its delay.
    pub(crate) will: Option<(Words, u32)>,
}

impl Connect {
    /// How long the session lasts: 3.1.1's for ever unless it is clean.
    pub(crate) fn expiry_secs(&self) -> u32 {
        match (self.v5, self.clean) {
            (true, _) => self.expiry,
            (false, true) => 0,
            (false, false) => EXPIRY_NEVER,
        }
    }
}

/// One filter of a SUBSCRIBE.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// The filter.
    pub(crate) filter: &'static str,
    /// The highest QoS.
    pub(crate) qos: u8,
    /// No Local.
    pub(crate) no_local: bool,
    /// Retain As Published.
    pub(crate) retain_as_published: bool,
    /// Retain Handling.
    pub(crate) retain_handling: u8,
}

/// What is published, by PUBLISH or as a will.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// The payload says this number; without it, it is empty.
    pub(crate) number: Option<usize>,
    /// The topic name.
    pub(crate) topic: &'static str,
    /// The QoS.
    pub(crate) qos: u8,
    /// RETAIN.
    pub(crate) retain: bool,
    /// The message expiry interval.
    pub(crate) expiry: Option<u32>,
}

impl Words {
    /// The payload.
    pub(crate) fn payload(&self) -> Vec<u8> {
        self.number.map_or(Vec::new(), |number| number.to_string().into_bytes())
    }
}

impl Script {
    /// The script of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let wire = if random.once_in(8) { Wire::Ws } else { Wire::Tcp };
        let clients = 2 + random.below(CLIENTS_MAX - 1);
        let count = STEPS.0 + random.below(STEPS.1 - STEPS.0 + 1);
        // Roughly: who is connected, so that most steps make sense.
        let mut connected = vec![false; clients];
        let mut steps: Vec<_> = (0..count).map(|number| step(&mut random, number, &mut connected)).collect();
        number_all_but_first(&mut steps);
        Self { wire, clients, steps }
    }
}

/// Leaves each topic one message without payload at most: two of them could not be told apart.
fn number_all_but_first(steps: &mut [Step]) {
    let mut topics = Vec::new();
    for (number, step) in steps.iter_mut().enumerate() {
        let words = match step {
            Step::Publish { words, .. } => words,
            Step::Connect { connect: Connect { will: Some((words, _)), .. }, .. } => words,
            _ => continue,
        };
        if words.number.is_none() && topics.contains(&words.topic) {
            words.number = Some(number);
        }
        if words.number.is_none() {
            topics.push(words.topic);
        }
    }
}

fn step(random: &mut Random, number: usize, connected: &mut [bool]) -> Step {
    let client = random.below(connected.len());
    if !connected[client] && !random.once_in(4) {
        connected[client] = true;
        return Step::Connect { client, connect: connect(random, number) };
    }
    match random.below(100) {
        0..22 => subscribe(random, client),
        22..27 => {
            let filters = (0..=random.below(2)).map(|_| random.pick(&FILTERS)).collect();
            Step::Unsubscribe { client, filters }
        }
        27..65 => publish(random, number, client),
        65..68 => Step::Repeat { client },
        68..72 => Step::Release { client, unknown: random.once_in(5) },
        72..82 => Step::Acknowledge {
            client,
            count: 1 + random.below(4),
            newest: random.once_in(3),
            refuse: random.once_in(4),
        },
        82..86 => Step::Connect { client, connect: connect(random, number) },
        86..90 => {
            connected[client] = false;
            let expiry = random.once_in(3).then(|| random.pick(&[0, 5, 60]));
            Step::Disconnect { client, with_will: random.once_in(3), expiry }
        }
        90..95 => {
            connected[client] = false;
            Step::Lose { client }
        }
        _ => Step::Pass { secs: random.pick(&[1, 4, 20, 70]) },
    }
}

fn connect(random: &mut Random, number: usize) -> Connect {
    let v5 = !random.once_in(3);
    let will = random.once_in(3).then(|| (words(random, number), random.pick(&[0, 0, 3, 30])));
    let will = will.map(|(will, delay)| match v5 {
        true => (will, delay),
        false => (Words { expiry: None, ..will }, 0),
    });
    Connect {
        v5,
        clean: random.once_in(3),
        expiry: random.pick(&[0, 6, 60, 60, 1000, EXPIRY_NEVER]),
        receive_maximum: random.pick(&[None, None, Some(1), Some(2), Some(3)]),
        alias_maximum: random.pick(&[0, 0, 2]),
        at_once: random.once_in(2),
        will,
    }
}

fn subscribe(random: &mut Random, client: usize) -> Step {
    let wanted = (0..=random.below(2)).map(|_| {
        let filter = random.pick(&FILTERS);
        Wanted {
            filter,
            qos: random.pick(&[0, 1, 1, 2, 2]),
            // A protocol error on a shared subscription.
            no_local: random.once_in(4) && !filter.starts_with("$share"),
            retain_as_published: random.once_in(3),
            retain_handling: random.pick(&[0, 0, 1, 2]),
        }
    });
    let wanted = wanted.collect();
    let identifier = random.once_in(2).then(|| random.pick(&[1, 2, 3, 300]));
    Step::Subscribe { client, wanted, identifier }
}

fn publish(random: &mut Random, number: usize, client: usize) -> Step {
    let mut words = words(random, number);
    if random.once_in(30) {
        words.topic = FORBIDDEN_TOPIC;
    }
    let alias = random.once_in(4).then(|| random.pick(&[1, 2]));
    Step::Publish { client, words, hold: random.once_in(4), alias }
}

fn words(random: &mut Random, number: usize) -> Words {
    let retain = random.once_in(4);
    let is_empty = retain && random.once_in(3);
    Words {
        number: (!is_empty).then_some(number),
        topic: random.pick(&TOPICS),
        qos: random.pick(&[0, 1, 1, 2, 2]),
        retain,
        expiry: random.once_in(5).then(|| random.pick(&[2, 12, 50])),
    }
}
