//! What each step says to the broker and to the model, and what may be answered.

use tidewire_protocols::mqtt::{PacketType, Property, ReasonCode};
use tidewire_tests::mqtt::{disconnect, pub_rel, unsubscribe};

use crate::actor::{Came, Connection, Reply};
use crate::play::{Play, Went, as_millis};
use crate::say::{aliased_packet, connect_packet, publish_packet, subscribe_packet};
use crate::script::{Connect, FORBIDDEN_TOPIC, Step, Wanted, Words};

impl Play {
    /// A step of a client that is connected.
    pub(crate) async fn act(&mut self, client: usize, mut connection: Connection, step: &Step) -> Went {
        let replies = match step {
            Step::Subscribe { wanted, identifier, .. } => {
                self.subscribe(client, &mut connection, wanted, *identifier).await
            }
            Step::Unsubscribe { filters, .. } => {
                connection.peer.says(unsubscribe(filters)).await;
                let reasons = self.model.unsubscribe(client, filters);
                vec![vec![Reply::UnsubAck(if connection.v5 { reasons } else { Vec::new() })]]
            }
            Step::Publish { words, hold, alias, .. } => {
                let id = self.actors[client].free_id();
                let replies = self.publish(client, &mut connection, words, id, *alias).await;
                self.actors[client].connection = Some(connection);
                self.hear(client, replies).await?;
                if words.qos == 2 {
                    self.actors[client].unreleased.push((id, *words));
                    if !*hold || words.topic == FORBIDDEN_TOPIC {
                        return self.release(client, id).await;
                    }
                }
                return Ok(());
            }
            Step::Repeat { .. } => self.repeat(client, &mut connection).await,
            Step::Release { unknown, .. } => {
                let oldest = self.actors[client].unreleased.first().map(|(id, _)| *id);
                self.actors[client].connection = Some(connection);
                let id = if *unknown { Some(self.actors[client].free_id()) } else { oldest };
                return match id {
                    Some(id) => self.release(client, id).await,
                    None => Ok(()),
                };
            }
            Step::Acknowledge { count, newest, refuse, .. } => {
                for _ in 0..*count {
                    let position = if *newest { connection.held.len().wrapping_sub(1) } else { 0 };
                    if position < connection.held.len() {
                        let (id, owes) = connection.held.remove(position);
                        self.acknowledge(client, &mut connection, id, owes, *refuse).await;
                    }
                }
                Vec::new()
            }
            Step::Disconnect { with_will, expiry, .. } => {
                return self.disconnect(client, connection, *with_will, *expiry).await;
            }
            Step::Lose { .. } => {
                drop(connection);
                self.model.leave(client, true);
                return self.hear(client, Vec::new()).await;
            }
            Step::Connect { .. } | Step::Pass { .. } => Vec::new(),
        };
        self.actors[client].connection = Some(connection);
        self.hear(client, replies).await
    }

    pub(crate) async fn connect(&mut self, client: usize, connect: &Connect) -> Went {
        let opened_at = self.now();
        let mut peer = self.world.mqtt().await;
        self.model.now = self.now();
        peer.says(connect_packet(client, connect)).await;
        let present = self.model.connect(client, connect);
        if !present {
            self.actors[client].unreleased.clear();
        }
        let wakes_at = opened_at + as_millis(self.world.broker.config().limits.connect_timeout.0);
        let connection = Connection::new(peer, connect, wakes_at);
        let old = self.actors[client].connection.replace(connection);
        self.hear(client, vec![vec![Reply::ConnAck { present, reason: 0 }]]).await?;
        match old {
            Some(old) => hear_end(old, ReasonCode::SessionTakenOver),
            None => Ok(()),
        }
    }

    async fn subscribe(
        &mut self,
        client: usize,
        connection: &mut Connection,
        wanted: &[Wanted],
        identifier: Option<u32>,
    ) -> Vec<Vec<Reply>> {
        let v5 = connection.v5;
        connection.peer.says(subscribe_packet(wanted, identifier.filter(|_| v5), v5)).await;
        let plain = |wanted: &Wanted| match v5 {
            true => *wanted,
            false => Wanted { no_local: false, retain_as_published: false, retain_handling: 0, ..*wanted },
        };
        let wanted: Vec<_> = wanted.iter().map(plain).collect();
        vec![vec![Reply::SubAck(self.model.subscribe(client, &wanted, identifier.filter(|_| v5)))]]
    }

    /// Says PUBLISH; the answers that it may get.
    async fn publish(
        &mut self,
        client: usize,
        connection: &mut Connection,
        words: &Words,
        id: u16,
        alias: Option<u16>,
    ) -> Vec<Vec<Reply>> {
        let v5 = connection.v5;
        let words = &Words { expiry: words.expiry.filter(|_| v5), ..*words };
        let alias = alias.filter(|_| v5 && words.topic != FORBIDDEN_TOPIC);
        let known = alias.and_then(|alias| connection.aliases.get(&alias)) == Some(&words.topic);
        let mut packet = if known { aliased_packet(words, id) } else { publish_packet(words, id) };
        if let Some(alias) = alias {
            connection.aliases.insert(alias, words.topic);
            packet = packet.with(Property::TopicAlias(alias));
        }
        if let Some(secs) = words.expiry {
            packet = packet.with(Property::MessageExpiryInterval(secs));
        }
        connection.peer.says(packet).await;
        let packet = match words.qos {
            0 => {
                self.model.publish(client, words);
                return Vec::new();
            }
            1 => PacketType::PubAck,
            _ => PacketType::PubRec,
        };
        // Whether nobody receives it need not be said.
        let reasons = match (words.topic, v5, self.arrives(client, words, id)) {
            (FORBIDDEN_TOPIC, true, _) => vec![ReasonCode::NotAuthorized],
            (_, true, false) => vec![ReasonCode::Success, ReasonCode::NoMatchingSubscribers],
            _ => vec![ReasonCode::Success],
        };
        reasons.iter().map(|reason| vec![Reply::Ack { packet, id, reason: reason.as_u8() }]).collect()
    }

    /// A publish has arrived; whether anybody receives it.
    fn arrives(&mut self, client: usize, words: &Words, id: u16) -> bool {
        if words.qos == 2 && !self.model.arrives(client, id) {
            return false;
        }
        if words.topic == FORBIDDEN_TOPIC {
            self.model.releases(client, id);
            return false;
        }
        self.model.publish(client, words)
    }

    async fn repeat(&mut self, client: usize, connection: &mut Connection) -> Vec<Vec<Reply>> {
        let Some((id, words)) = self.actors[client].unreleased.first().copied() else { return Vec::new() };
        connection.peer.says(publish_packet(&words, id).dup()).await;
        let is_matched = self.arrives(client, &words, id);
        let reasons: &[u8] = if connection.v5 && !is_matched { &[0, 0x10] } else { &[0] };
        let packet = PacketType::PubRec;
        reasons.iter().map(|reason| vec![Reply::Ack { packet, id, reason: *reason }]).collect()
    }

    async fn release(&mut self, client: usize, id: u16) -> Went {
        let actor = &mut self.actors[client];
        actor.unreleased.retain(|(unreleased, _)| *unreleased != id);
        let Some(connection) = &mut actor.connection else { return Ok(()) };
        connection.peer.says(pub_rel(id)).await;
        let was_there = self.model.releases(client, id);
        let unknown = ReasonCode::PacketIdentifierNotFound.as_u8();
        let reason = if was_there || !connection.v5 { 0 } else { unknown };
        self.hear(client, vec![vec![Reply::Ack { packet: PacketType::PubComp, id, reason }]]).await
    }

    async fn disconnect(
        &mut self,
        client: usize,
        mut connection: Connection,
        with_will: bool,
        expiry: Option<u32>,
    ) -> Went {
        let v5 = connection.v5;
        let (with_will, expiry) = (with_will && v5, expiry.filter(|_| v5));
        let mut words = disconnect();
        if with_will {
            words = words.because(ReasonCode::DisconnectWithWill);
        }
        if let Some(secs) = expiry {
            words = words.with(Property::SessionExpiryInterval(secs));
        }
        connection.peer.says(words).await;
        let is_allowed = expiry.is_none_or(|secs| self.model.change_expiry(client, secs));
        self.model.leave(client, with_will || !is_allowed);
        self.hear(client, Vec::new()).await?;
        match is_allowed {
            true => hear_goodbye(connection, &[]),
            false => hear_end(connection, ReasonCode::ProtocolError),
        }
    }
}

/// Holds that the broker ends this connection, and in MQTT 5 says why.
fn hear_end(connection: Connection, reason: ReasonCode) -> Went {
    let said = [Reply::Disconnect(reason.as_u8())];
    let said = if connection.v5 { &said[..] } else { &[] };
    hear_goodbye(connection, said)
}

/// Holds that the broker says this and no more, and closes.
fn hear_goodbye(mut connection: Connection, said: &[Reply]) -> Went {
    let mut came = connection.hear()?;
    let last = came.pop();
    let is_closed = matches!(last, Some(Came::Reply(Reply::Closed)));
    let is_said = came.len() == said.len()
        && came.iter().zip(said).all(|(came, said)| matches!(came, Came::Reply(reply) if reply == said));
    match is_closed && is_said {
        true => Ok(()),
        false => Err(format!("a connection was to end with {said:?}, but heard {came:?}, {last:?}")),
    }
}
