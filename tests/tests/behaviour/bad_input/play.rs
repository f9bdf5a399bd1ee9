//! How a row of the table is played.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidewire::auth::acl::{Acl, Subject};
use tidewire::auth::{Authority, Check, Credentials, Denial, Exchange, Identity, Rights, Vouched};
use tidewire::config::{Config, Size};
use tidewire::counters::RefusalReason;
use tidewire_protocols::mqtt::Version;
use tidewire_tests::log::Log;
use tidewire_tests::mqtt::{MqttPeer, pub_ack, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

use super::speech::{Answer, Client, Speech};

/// Who misbehaves.
pub(super) const CULPRIT: &str = "alice";
/// Whom the authority lets in under no circumstances.
pub(super) const MALLORY: &str = "mallory";
/// Where nobody may publish to.
pub(super) const LOCKED_OUT: &str = "locked/out";
/// What nobody may subscribe to.
pub(super) const LOCKED_IN: &str = "locked/in";
/// The largest packet and the largest body.
pub(super) const SIZE_MAX: usize = 1_000;
/// The same before CONNECT.
pub(super) const CONNECT_SIZE_MAX: usize = 500;

/// One row of the table.
pub(super) struct Row {
    pub(super) when: When,
    pub(super) mqtt: Input,
    pub(super) stomp: Input,
    /// To MQTT 5, MQTT 3.1.1 and STOMP.
    pub(super) answers: (Answer, Answer, Answer),
    pub(super) ends: End,
    pub(super) counts: RefusalReason,
    pub(super) config: fn(&mut Config),
}

/// When it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// By a client that is connected.
    Connected,
    /// Instead of a CONNECT that would be accepted.
    Connecting,
    /// The same, so that nobody can tell who it is and what it wants.
    Unread,
}

/// What is said.
#[derive(Clone, Copy)]
pub(super) enum Input {
    /// Nothing: this row is not for that protocol.
    None,
    /// Bytes.
    Bytes(&'static [u8]),
    /// Bytes that depend on the version, and on whether the client wants reasons.
    Made(fn(Version, bool) -> Vec<u8>),
    /// A text WebSocket message; `^` is NUL.
    Text(&'static str),
    /// Bytes below WebSocket's frames.
    Below(&'static [u8]),
    /// It is the broker that stops.
    Stop,
}

/// What becomes of the connection.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// It is closed, over WebSocket with this code.
    Closed(u16),
    /// It stays.
    Stays,
}

/// What a row is where it does not say otherwise.
pub(super) const USUAL: Row = Row {
    when: When::Connected,
    mqtt: Input::None,
    stomp: Input::None,
    answers: (Answer::Silence, Answer::Silence, Answer::Silence),
    ends: End::Closed(1000),
    counts: RefusalReason::Malformed,
    config: |_| (),
};

impl Row {
    /// Plays the row, in MQTT 5 for a client that wants reasons and for one that does not.
    pub(super) async fn play(&self, speech: Speech, wire: Wire) {
        self.play_once(speech, wire, true).await;
        if speech == Speech::Mqtt5 {
            self.play_once(speech, wire, false).await;
        }
    }

    async fn play_once(&self, speech: Speech, wire: Wire, wants_reasons: bool) {
        let (log, world) = (Log::begin(), world(wire, self.config));
        let (input, answer) = match speech {
            Speech::Mqtt5 => (self.mqtt, self.answers.0),
            Speech::Mqtt311 => (self.mqtt, self.answers.1),
            Speech::Stomp(_) => (self.stomp, self.answers.2),
        };
        // Where the broker stops, everybody is told.
        let mut bystanders = match input {
            Input::Stop => None,
            _ => Some(Bystanders::gather(&world).await),
        };
        let mut culprit = Client::new(speech, world.connect(speech.protocol()).await);
        if self.when == When::Connected {
            culprit.connects(speech, CULPRIT, wants_reasons).await;
        }
        says(&mut culprit, input, speech, wants_reasons, &world).await;
        culprit.hears(answer, wants_reasons || self.when == When::Unread).await;
        match self.ends {
            End::Closed(code) => culprit.peer().is_closed_with(code).await,
            End::Stays => culprit.is_served().await,
        }
        world.settles().await;
        let event = match (self.when, self.ends) {
            (When::Connected, End::Closed(_)) => " disconnected ",
            _ => " refused ",
        };
        is_noted(&world, &log, event, self.counts, (self.when != When::Unread).then_some(CULPRIT));
        if let Some(bystanders) = &mut bystanders {
            bystanders.go_on().await;
        }
        // That they go is said in this log, and not in the next one.
        drop((culprit, bystanders));
        world.settles().await;
    }
}

/// A broker with low limits, and with an authority that refuses some.
pub(super) fn world(wire: Wire, change: impl FnOnce(&mut Config)) -> World {
    World::guarded(wire, Arc::new(Guard), |config| {
        config.limits.packet_size_max = Size(SIZE_MAX);
        config.limits.body_size_max = Size(SIZE_MAX);
        config.limits.connect_packet_size_max = Size(CONNECT_SIZE_MAX);
        change(config);
    })
}

/// Holds that one refusal was counted, under `reason`, and that one line says so, which is that event, with the client
/// where it is known.
pub(super) fn is_noted(
    world: &World,
    log: &Log,
    event: &str,
    reason: RefusalReason,
    client_id: Option<&str>,
) {
    let refused = &world.broker.counters.refused;
    let counts = RefusalReason::ALL.map(|reason| (reason.name(), refused.value(reason)));
    assert_eq!((refused.value(reason), refused.total()), (1, 1), "{reason:?} alone of {counts:?}");
    let reason = format!("reason={:?}", reason.name());
    let client_id = client_id.map_or_else(String::new, |client_id| format!("client_id={client_id:?}"));
    let about = |line: &String| client_id.is_empty() || line.contains(&client_id);
    let other = [" disconnected ", " refused "].into_iter().find(|other| *other != event).unwrap_or_default();
    assert!(!log.lines(other).iter().any(about), "it is said twice: {:?}", log.lines(other));
    log.says_once(event, &["link=", " from ", "detail=", &reason, &client_id]);
}

async fn says(client: &mut Client, input: Input, speech: Speech, wants_reasons: bool, world: &World) {
    let peer = client.peer();
    match input {
        Input::None => panic!("{speech:?} has no such row"),
        Input::Bytes(bytes) => peer.send(bytes).await,
        Input::Made(make) => peer.send(&make(speech.mqtt_version(), wants_reasons)).await,
        Input::Text(text) => peer.send_as(text.replace('^', "\0").as_bytes(), true).await,
        Input::Below(bytes) => peer.send_below(bytes).await,
        Input::Stop => {
            world.settles().await;
            world.broker.end_all_links();
        }
    }
}

/// Lets everybody in but one, and to everywhere but two topics.
struct Guard;

impl Authority for Guard {
    fn authenticate(&self, credentials: Credentials) -> Check {
        match credentials.user_name.as_deref() == Some(MALLORY) {
            true => Denial::wrong_password().into(),
            false => Vouched::default().into(),
        }
    }

    fn begin_exchange(&self, _method: &str) -> Option<Box<dyn Exchange>> {
        None
    }

    fn examine_token(&self, _token: &str, _now_secs: u64) -> Check {
        Denial::Missing.into()
    }

    fn rights(&self, _identity: &Identity) -> Rights {
        let rules = format!(
            "[[rules]]\ndeny = [\"publish\"]\ntopics = [\"{LOCKED_OUT}\"]\n\
             [[rules]]\ndeny = [\"subscribe\"]\ntopics = [\"{LOCKED_IN}\"]\n[[rules]]\nallow = [\"all\"]\n"
        );
        let acl = Acl::parse(Path::new("rules"), &rules).expect("the rules are right");
        Rights::ruled_by(acl.bind(&Subject::default()))
    }

    fn still_admits(&self, _identity: &Identity) -> bool {
        true
    }
}

/// Those who have nothing to do with it: two subscribers and a publisher.
struct Bystanders {
    bob: MqttPeer,
    dora: StompPeer,
    carol: MqttPeer,
}

impl Bystanders {
    /// They subscribe to one another, and to what nobody may publish; one message is on its way when the bad
    /// input comes.
    async fn gather(world: &World) -> Self {
        let (mut bob, mut carol) = (world.client("bob").await, world.client("carol").await);
        bob.subscribes(subscribe("carol", 1).and(LOCKED_OUT, 1)).await;
        let mut dora = world.stomp().await;
        dora.connects("1.2").await;
        for (id, topic) in [("c", "carol"), ("l", LOCKED_OUT)] {
            let subscribe = format!("SUBSCRIBE\nid:{id}\ndestination:/topic/{topic}\nreceipt:{id}\n\n^");
            dora.says(&subscribe).await.hears_receipt(id).await;
        }
        carol.publishes(publish("carol", "before").qos1(1)).await;
        Self { bob, dora, carol }
    }

    /// Nothing was lost, nothing came that was not to, and the next message finds its way.
    async fn go_on(&mut self) {
        self.carol.publishes(publish("carol", "after").qos1(2)).await;
        for (packet_id, payload) in [(1, "before"), (2, "after")] {
            self.bob.hears(publish("carol", payload).qos1(packet_id)).await.says(pub_ack(packet_id)).await;
            self.dora.hears_message(payload).await;
        }
        self.bob.peer.hears_nothing_for(Duration::from_millis(1)).await;
        self.dora.peer.hears_nothing_for(Duration::from_millis(1)).await;
    }
}
