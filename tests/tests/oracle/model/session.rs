//! What one client is owed, what it has been sent, and whether what it hears is that.

use std::collections::HashMap;
use std::rc::Rc;

use crate::script::{Connect, Words};

/// A published message.
#[derive(Debug)]
pub(crate) struct Message {
    /// What was said.
    pub(crate) words: Words,
    /// Who said it.
    pub(crate) publisher: usize,
    /// When it expires, in milliseconds since the beginning.
    pub(crate) expires_at: Option<u64>,
}

/// A message that a client is to get, or may get.
#[derive(Clone, Debug)]
pub(crate) struct Owed {
    /// The message.
    pub(crate) message: Rc<Message>,
    /// The lower of the message's QoS and the subscription's.
    pub(crate) qos: u8,
    /// RETAIN; `None` where the specification does not say.
    pub(crate) retain: Option<bool>,
    /// Whether it is a retained message that answers a SUBSCRIBE.
    pub(crate) at_subscribe: bool,
    /// Subscription identifiers, sorted.
    pub(crate) identifiers: Vec<u32>,
    /// The subscriptions that it answers.
    pub(crate) filters: Vec<&'static str>,
    /// Its place among all that was published; `None` where it may come late.
    pub(crate) place: Option<u64>,
    /// The shared delivery of which this is one possibility.
    pub(crate) shared: Option<usize>,
    /// Whether it must come, rather than may.
    pub(crate) is_demanded: bool,
}

/// A QoS 1 or 2 delivery that was heard and is not settled.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Its packet identifier.
    pub(crate) id: u16,
    /// What it was.
    pub(crate) owed: Owed,
    /// PUBREC was said: PUBREL is all that may come.
    pub(crate) is_received: bool,
    /// Whether it was heard on this connection: PUBLISH before PUBREC, PUBREL after it.
    pub(crate) is_heard_here: bool,
    /// Whether its PUBLISH was heard on this connection, so that it counts against Receive Maximum. [MQTT-3.3.4-9]
    pub(crate) holds_place: bool,
    /// Whether it was heard in MQTT 5 first: in 3.1.1 messages that differ in their properties look alike.
    is_known: bool,
}

/// A PUBLISH as it was heard, topic alias resolved.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) id: u16,
    /// Sorted.
    pub(crate) identifiers: Vec<u32>,
    pub(crate) expiry: Option<u32>,
}

/// A connection, as far as it matters to what is owed.
#[derive(Debug)]
pub(crate) struct Attached {
    /// MQTT 5.
    pub(crate) v5: bool,
    receive_maximum: usize,
    /// The last place heard, by publisher and topic.
    places: HashMap<(usize, &'static str), u64>,
}

/// One client's session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The connection, if there is one.
    pub(crate) attached: Option<Attached>,
    /// The session expiry interval.
    pub(crate) expiry_secs: u32,
    /// The will and its delay.
    pub(crate) will: Option<(Words, u32)>,
    /// When the will falls due, and when the session ends.
    pub(crate) will_at: Option<u64>,
    pub(crate) ends_at: Option<u64>,
    /// What was not heard yet.
    pub(crate) owed: Vec<Owed>,
    /// What was heard and is not settled, in the order of its first coming.
    pub(crate) sent: Vec<Sent>,
    /// Packet identifiers of its own QoS 2 publishes that are not released.
    pub(crate) received: Vec<u16>,
}

impl Owed {
    /// Whether this is what was heard at `now`.
    pub(crate) fn is(&self, heard: &Heard, v5: bool, now: u64) -> bool {
        let words = &self.message.words;
        // 3.1.1 knows no Retain As Published, which the session may have from an earlier connection in 5.
        let is_lenient = !v5 && self.retain == Some(true) && !self.at_subscribe;
        let retain_fits = is_lenient || self.retain.is_none_or(|retain| retain == heard.retain);
        let said = words.topic == heard.topic && words.payload() == heard.payload;
        let properties =
            !v5 || (self.identifiers == heard.identifiers && self.expiry_fits(heard.expiry, now));
        said && self.qos == heard.qos && retain_fits && properties
    }

    /// The interval less the time waited, in whole seconds one way or the other. [MQTT-3.3.2-6]
    fn expiry_fits(&self, heard: Option<u32>, now: u64) -> bool {
        /// Between the broker's writing and our hearing, where several things fall due one after the other.
        const SLACK_MS: u64 = 200;
        match (self.message.expires_at, heard) {
            (None, None) => true,
            (Some(at), Some(secs)) => {
                let left = at.saturating_sub(now);
                (left / 1000..=(left + SLACK_MS).div_ceil(1000)).contains(&u64::from(secs))
            }
            _ => false,
        }
    }
}

impl Attached {
    /// By a CONNECT.
    pub(crate) fn new(connect: &Connect) -> Self {
        let receive_maximum = connect.receive_maximum.filter(|_| connect.v5).unwrap_or(u16::MAX).into();
        Self { v5: connect.v5, receive_maximum, places: HashMap::new() }
    }

    /// Holds the order per publisher and topic. [MQTT-4.6.0-5]
    fn note_place(&mut self, owed: &Owed) -> Result<(), String> {
        let Some(place) = owed.place else { return Ok(()) };
        let last = self.places.entry((owed.message.publisher, owed.message.words.topic)).or_default();
        if place < *last {
            return Err(format!("out of order: {owed:?} comes behind the one in place {last}"));
        }
        *last = place;
        Ok(())
    }
}

impl Session {
    /// Whether Receive Maximum allows one more.
    pub(crate) fn has_place(&self) -> bool {
        let held = self.sent.iter().filter(|sent| sent.holds_place).count();
        self.attached.as_ref().is_some_and(|attached| held < attached.receive_maximum)
    }

    /// Whether something may hold deliveries back: no connection, or a closed window, which may hold up QoS 0 too.
    /// (section 4.9)
    pub(crate) fn may_wait(&self) -> bool {
        self.attached.is_none() || !self.has_place()
    }

    /// A delivery with the packet identifier of one that was sent: it must be that one, sent again.
    pub(crate) fn hear_again(&mut self, heard: &Heard, position: usize, now: u64) -> Result<(), String> {
        let first = self.sent.iter().position(|sent| !sent.is_heard_here && !sent.is_received);
        let has_place = self.has_place();
        let (Some(attached), sent) = (&mut self.attached, &mut self.sent[position]) else {
            return Err("it is not connected".to_owned());
        };
        if sent.is_heard_here || sent.is_received {
            return Err(format!("packet identifier {} is in use for {sent:?}", heard.id));
        }
        if !heard.dup {
            return Err("sent again without DUP [MQTT-3.3.1-1]".to_owned());
        }
        if !sent.owed.is(heard, attached.v5 && sent.is_known, now) {
            return Err(format!("sent again, but what was sent is {sent:?}"));
        }
        if first != Some(position) {
            return Err("sent again out of order [MQTT-4.6.0-1]".to_owned());
        }
        if !has_place {
            return Err("sent again beyond Receive Maximum [MQTT-3.3.4-9]".to_owned());
        }
        (sent.is_heard_here, sent.holds_place) = (true, true);
        attached.note_place(&sent.owed)
    }

    /// A delivery that is owed has come.
    pub(crate) fn hear_new(&mut self, heard: &Heard, owed: Owed) -> Result<(), String> {
        if heard.dup {
            return Err("DUP on a first delivery [MQTT-3.3.1-2, MQTT-3.3.1-3]".to_owned());
        }
        if heard.qos > 0 && !self.has_place() {
            return Err("sent beyond Receive Maximum [MQTT-3.3.4-9]".to_owned());
        }
        let Some(attached) = &mut self.attached else { return Err("it is not connected".to_owned()) };
        attached.note_place(&owed)?;
        if heard.qos > 0 {
            let (id, is_known) = (heard.id, attached.v5);
            let sent =
                Sent { id, owed, is_received: false, is_heard_here: true, holds_place: true, is_known };
            self.sent.push(sent);
        }
        Ok(())
    }

    /// PUBREL has come.
    pub(crate) fn hear_pub_rel(&mut self, id: u16) -> Result<(), String> {
        match self.sent.iter_mut().find(|sent| sent.id == id) {
            Some(sent) if sent.is_received && !sent.is_heard_here => sent.is_heard_here = true,
            other => return Err(format!("PUBREL {id} is not owed, but {other:?}")),
        }
        Ok(())
    }

    /// The client says PUBREC.
    pub(crate) fn say_pub_rec(&mut self, id: u16) {
        if let Some(sent) = self.sent.iter_mut().find(|sent| sent.id == id) {
            (sent.is_received, sent.is_heard_here) = (true, false);
        }
    }

    /// The client says PUBACK, PUBCOMP, or that it failed: nothing more is owed.
    pub(crate) fn settle(&mut self, id: u16) {
        self.sent.retain(|sent| sent.id != id);
    }

    /// Holds that everything has come that nothing can hold back.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.attached.is_none() {
            return Ok(());
        }
        // Where the window is closed to a PUBLISH, the PUBRELs behind it may wait with it.
        let mut unheard = self.sent.iter().filter(|sent| !sent.is_heard_here);
        let missing =
            if self.has_place() { unheard.next() } else { unheard.next().filter(|sent| sent.is_received) };
        if let Some(sent) = missing {
            let packet = if sent.is_received { "PUBREL" } else { "PUBLISH" };
            return Err(format!("{packet} did not come (again) [MQTT-4.4.0-1]: {sent:?}"));
        }
        let is_missing = |owed: &&Owed| owed.is_demanded && owed.shared.is_none() && !self.may_wait();
        match self.owed.iter().find(is_missing) {
            Some(owed) => Err(format!("did not come: {owed:?}")),
            None => Ok(()),
        }
    }
}
