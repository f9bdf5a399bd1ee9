//! Conversations as they should be: what the mutations begin with.

use std::fs;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::Path;

use tidewire_protocols::mqtt::{Property, ReasonCode, RetainHandling, Version};
use tidewire_tests::mqtt::{
    PingReq, Say, connect, disconnect, pub_ack, pub_comp, pub_rec, pub_rel, publish, subscribe, topic,
    unsubscribe,
};

use tidewire_tests::random::Random;

/// A client's packets, in order; the first is its CONNECT.
pub(crate) type Conversation = Vec<Vec<u8>>;

/// How many client identifiers there are: so few that sessions are resumed and taken over.
pub(crate) const CLIENTS: usize = 48;

const TOPICS: [&str; 6] = ["storm/a", "storm/b", "storm/c/d", "storm/c/e/f", "other", "a/b"];
const FILTERS: [&str; 9] =
    ["#", "storm/#", "storm/+", "+/+/+", "storm/a", "other", "$share/g/storm/#", "$share/h/a/b", "$SYS/#"];

pub(crate) fn client_id(number: usize) -> String {
    format!("storm-{number:02}")
}

/// The packets that the decoder's own fuzzing begins with.
pub(crate) struct Corpus(Vec<(Version, Vec<u8>)>);

impl Corpus {
    pub(crate) fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocols/fuzz/corpus/mqtt_decode");
        let mut files: Vec<_> = fs::read_dir(&folder)
            .expect("the corpus is there")
            .map(|entry| entry.expect("its entries can be read").path())
            .collect();
        files.sort();
        let read = |path: &std::path::PathBuf| {
            let is_v5 = path.to_string_lossy().ends_with("_v5");
            (if is_v5 { Version::V5 } else { Version::V311 }, fs::read(path).expect("a file can be read"))
        };
        Self(files.iter().map(read).collect())
    }

    /// A few of its packets behind a CONNECT of their version.
    fn conversation(&self, random: &mut Random) -> Conversation {
        let (version, _) = random.pick(&self.0);
        let mut packets = vec![introduction(random, version)];
        let of_version: Vec<_> = self.0.iter().filter(|(of, _)| *of == version).collect();
        packets.extend((0..=random.below(6)).map(|_| random.pick(&of_version).1.clone()));
        packets
    }
}

/// A valid conversation, of up to two dozen packets.
pub(crate) fn conversation(random: &mut Random, corpus: &Corpus) -> Conversation {
    if random.percent(20) {
        return corpus.conversation(random);
    }
    let version = random.pick(&[Version::V31, Version::V311, Version::V311, Version::V5, Version::V5]);
    let mut packets = vec![introduction(random, version)];
    packets.extend((0..=random.below(23)).map(|_| packet(random, version)));
    if random.percent(30) {
        packets.push(disconnect().because(ReasonCode::Success).bytes(version));
    }
    packets
}

fn introduction(random: &mut Random, version: Version) -> Vec<u8> {
    let mut words = connect(&client_id(random.below(CLIENTS))).in_version(version);
    words = words.keep_alive(random.pick(&[0, 1, 60]));
    if random.percent(50) {
        words = words.resume();
    }
    if random.percent(50) {
        words = words.expiry(random.pick(&[0, 1, 60, u32::MAX]));
    }
    if random.percent(30) {
        words = words.with(Property::ReceiveMaximum(NonZeroU16::new(3).expect("not zero")));
    }
    if random.percent(30) {
        words = words.with(Property::TopicAliasMaximum(5));
    }
    if random.percent(20) {
        words = words.with(Property::MaximumPacketSize(NonZeroU32::new(200).expect("not zero")));
    }
    if random.percent(40) {
        let will = publish(random.pick(&TOPICS), random.bytes(10));
        words = words.will_with(will, &[Property::WillDelayInterval(random.pick(&[0, 1]))]);
    }
    words.bytes(version)
}

fn packet(random: &mut Random, version: Version) -> Vec<u8> {
    let packet_id = u16::try_from(1 + random.below(20)).unwrap_or(1);
    match random.below(12) {
        0..=1 => subscription(random, packet_id).bytes(version),
        2..=6 => publication(random, packet_id).bytes(version),
        7 => unsubscribe(&[random.pick(&FILTERS)]).bytes(version),
        8 => PingReq.bytes(version),
        9 => pub_ack(packet_id).bytes(version),
        10 => {
            // Both halves of an acknowledgement, whether or not the broker asked for one.
            let mut packets = pub_rec(packet_id).bytes(version);
            packets.extend(pub_comp(packet_id).bytes(version));
            packets
        }
        _ => pub_rel(packet_id).bytes(version),
    }
}

fn subscription(random: &mut Random, packet_id: u16) -> impl Say {
    let qos = u8::try_from(random.below(3)).unwrap_or(0);
    let filter = random.pick(&FILTERS);
    let handling =
        random.pick(&[RetainHandling::SendAtSubscribe, RetainHandling::SendIfNew, RetainHandling::DoNotSend]);
    let (no_local, as_published) = (random.percent(20) && !filter.starts_with("$share"), random.percent(30));
    let mut words = subscribe(filter, qos).id(packet_id).options(|options| {
        options.retain_handling = handling;
        options.no_local = no_local;
        options.retain_as_published = as_published;
    });
    if random.percent(30) {
        words = words.with(Property::SubscriptionIdentifier(NonZeroU32::new(7).expect("not zero")));
    }
    words.and(random.pick(&FILTERS), qos)
}

fn publication(random: &mut Random, packet_id: u16) -> impl Say {
    let size = random.pick(&[0, 5, 5, 100, 100, 1_000, 5_000, 40_000]);
    let mut words = publish(random.pick(&TOPICS), random.bytes(size));
    match random.below(3) {
        0 => {}
        1 => words = words.qos1(packet_id),
        _ => words = words.qos2(packet_id),
    }
    if random.percent(20) {
        words = words.retained();
    }
    if random.percent(30) {
        words = words.with(Property::TopicAlias(1 + u16::try_from(random.below(5)).unwrap_or(0)));
    }
    if random.percent(20) {
        words = words.with(Property::MessageExpiryInterval(1)).with(Property::ResponseTopic(topic("other")));
    }
    if random.percent(20) {
        words =
            words.with(Property::UserProperty("name", "value")).with(Property::CorrelationData(b"\0\xff"));
    }
    words
}
