//! Plays a script: says each step to a broker and to the model, and holds that the clients hear what the model owes
//! them.

use std::time::Duration;

use tidewire_protocols::mqtt::{PacketType, ReasonCode};
use tidewire_tests::mqtt::{pub_ack, pub_comp, pub_rec};
use tidewire_tests::world::World;
use tokio::time::Instant;

use crate::actor::{Actor, Came, Connection, Reply};
use crate::model::Model;
use crate::script::{Script, Step};

/// A step takes less than this, in virtual time: nothing falls due within one.
const STEP_MS: u64 = 400;
/// A conversation about what has fallen due takes less than this.
const CONVERSATION_MS: u64 = 50;
/// How much later than due the broker may be, timers being what they are.
const LATE_MS: u64 = 2;
/// Rounds of hearing and answering after which a conversation has no end.
const ROUNDS_MAX: usize = 150;

/// A step went well, or what was wrong.
pub(crate) type Went = Result<(), String>;

/// Plays a script on a runtime of its own; what went wrong, and at which step.
pub(crate) fn play(script: &Script) -> Result<(), (usize, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O can always be made");
    runtime.block_on(async {
        let mut play = Play {
            world: World::with(script.wire, |config| {
                // Nobody pings.
                config.mqtt.server_keep_alive_max.0 = Duration::from_secs(u16::MAX.into());
            }),
            model: Model::new(script.clients),
            actors: (0..script.clients).map(|_| Actor::new()).collect(),
            start: Instant::now(),
        };
        for (number, step) in script.steps.iter().enumerate() {
            play.step(step).await.map_err(|error| (number, error))?;
        }
        Ok(())
    })
}

/// A script that is being played.
pub(crate) struct Play {
    /// The broker.
    pub(crate) world: World,
    /// What must happen.
    pub(crate) model: Model,
    /// The clients.
    pub(crate) actors: Vec<Actor>,
    start: Instant,
}

impl Play {
    async fn step(&mut self, step: &Step) -> Went {
        self.model.now = self.now();
        while self.model.next_due().is_some_and(|due| due <= self.now() + STEP_MS) {
            self.pass(STEP_MS / 2).await?;
        }
        match step {
            Step::Connect { client, connect } => self.connect(*client, connect).await?,
            Step::Pass { secs } => self.pass(u64::from(*secs) * 1000).await?,
            Step::Subscribe { client, .. }
            | Step::Unsubscribe { client, .. }
            | Step::Publish { client, .. }
            | Step::Repeat { client }
            | Step::Release { client, .. }
            | Step::Acknowledge { client, .. }
            | Step::Disconnect { client, .. }
            | Step::Lose { client } => match self.actors[*client].connection.take() {
                None => return Ok(()),
                Some(connection) => self.act(*client, connection, step).await?,
            },
        }
        match self.world.broker.counters.panics.value() {
            0 => Ok(()),
            _ => Err("the broker panicked".to_owned()),
        }
    }

    /// Lets time pass, and everything fall due in it.
    async fn pass(&mut self, duration_ms: u64) -> Went {
        let end = self.now() + duration_ms;
        while let Some(stop) = self.next_stop().filter(|stop| *stop <= end) {
            self.world.passes(Duration::from_millis(stop.saturating_sub(self.now()))).await;
            self.model.pass(self.now());
            self.hear(usize::MAX, Vec::new()).await?;
        }
        self.world.passes(Duration::from_millis(end.saturating_sub(self.now()))).await;
        self.model.pass(self.now());
        self.hear(usize::MAX, Vec::new()).await
    }

    /// Just after what comes next that nobody has asked for: what falls due, or what waits behind a message that has
    /// expired, when its connection wakes because the time for a CONNECT is over. What follows hard upon that is
    /// included, so that nothing falls due in the middle of a conversation.
    fn next_stop(&self) -> Option<u64> {
        let connections = self.actors.iter().filter_map(|actor| actor.connection.as_ref());
        let wakes = connections.map(|connection| connection.wakes_at).filter(|at| at + LATE_MS > self.now());
        let mut dues: Vec<_> = wakes.chain(self.model.dues()).collect();
        dues.sort_unstable();
        let first = *dues.first()?;
        let last =
            dues.iter().fold(first, |last, due| if *due < last + CONVERSATION_MS { *due } else { last });
        Some(last + LATE_MS)
    }

    /// Hears what everybody says until nobody does: `client` one of these answers, or nothing where there are none;
    /// all of them what the model owes them.
    pub(crate) async fn hear(&mut self, client: usize, answers: Vec<Vec<Reply>>) -> Went {
        let mut replies = Vec::new();
        for _ in 0..ROUNDS_MAX {
            self.world.settles().await;
            self.model.now = self.now();
            let mut has_said = false;
            for listener in 0..self.actors.len() {
                let Some(mut connection) = self.actors[listener].connection.take() else { continue };
                let came = connection.hear().map_err(|error| format!("client {listener}: {error}"))?;
                for came in came {
                    let awaits_greeting = listener == client && replies.is_empty() && is_greeting(&answers);
                    has_said |= self
                        .heard(listener, &mut connection, came, awaits_greeting, |reply| {
                            let is_expected = listener == client;
                            replies.push(reply);
                            is_expected
                        })
                        .await?;
                }
                self.actors[listener].connection = Some(connection);
            }
            if !has_said {
                if replies != *answers.first().unwrap_or(&Vec::new()) && !answers.contains(&replies) {
                    return Err(format!("client {client} heard {replies:?}, not {answers:?}"));
                }
                return self.model.check();
            }
        }
        Err("the conversation has no end".to_owned())
    }

    /// One thing that came; whether something was said to it.
    async fn heard(
        &mut self,
        listener: usize,
        connection: &mut Connection,
        came: Came,
        awaits_greeting: bool,
        mut note: impl FnMut(Reply) -> bool,
    ) -> Result<bool, String> {
        let shown = format!("client {listener} heard {came:?}");
        let wrong = |error: String| format!("{shown}: {error}");
        let is_reply = matches!(came, Came::Reply(_));
        if awaits_greeting && !is_reply {
            return Err(wrong("CONNACK comes first [MQTT-3.2.0-1]".to_owned()));
        }
        let (id, owes) = match came {
            Came::Reply(reply) => {
                return if note(reply) { Ok(false) } else { Err(wrong("unasked".to_owned())) };
            }
            Came::Publish(publish) => {
                self.model.hear(listener, &publish).map_err(wrong)?;
                match publish.qos {
                    0 => return Ok(false),
                    1 => (publish.id, PacketType::PubAck),
                    _ => (publish.id, PacketType::PubRec),
                }
            }
            Came::PubRel(id) => {
                self.model
                    .session(listener)
                    .map_or(Ok(()), |session| session.hear_pub_rel(id))
                    .map_err(wrong)?;
                (id, PacketType::PubComp)
            }
        };
        if connection.at_once {
            self.acknowledge(listener, connection, id, owes, false).await;
        } else {
            connection.held.push((id, owes));
        }
        Ok(connection.at_once)
    }

    pub(crate) async fn acknowledge(
        &mut self,
        client: usize,
        connection: &mut Connection,
        id: u16,
        owes: PacketType,
        refuse: bool,
    ) {
        let refuse = refuse && connection.v5;
        let reason = if refuse { ReasonCode::UnspecifiedError } else { ReasonCode::Success };
        match owes {
            PacketType::PubAck => connection.peer.says(pub_ack(id).because(reason)).await,
            PacketType::PubRec => connection.peer.says(pub_rec(id).because(reason)).await,
            _ => connection.peer.says(pub_comp(id)).await,
        };
        let Some(session) = self.model.session(client) else { return };
        match owes {
            PacketType::PubRec if !refuse => session.say_pub_rec(id),
            _ => session.settle(id),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        as_millis(self.start.elapsed())
    }
}

pub(crate) fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn is_greeting(answers: &[Vec<Reply>]) -> bool {
    matches!(answers.first().and_then(|answer| answer.first()), Some(Reply::ConnAck { .. }))
}
