//! A connection's own replies, split by what they promise. Committed before said: a reply that promises something
//! is held until the store says that the commit it depends on is durable; one that promises nothing never waits.

use smallvec::SmallVec;

use crate::output::Output;
use crate::store::CommitId;

/// See the module.
#[derive(Debug, Default)]
pub struct Replies {
    /// The first promise, which is CONNACK or CONNECTED, has left: until then nothing may overtake it. [MQTT-3.2.0-1]
    is_greeted: bool,
    immediate: Output,
    promised: Output,
    /// How far the promised replies depend on which commit, in order; as a rule one at most.
    marks: SmallVec<[Mark; 1]>,
    /// Acknowledgements of publishes among the promised replies.
    acknowledgements: u32,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    end: usize,
    commit: CommitId,
    acknowledgements: u32,
}

impl Replies {
    /// Where replies go that promise nothing: they leave at the end of the turn.
    pub fn immediate(&mut self) -> &mut Output {
        match self.is_greeted || self.promised.is_empty() {
            true => &mut self.immediate,
            false => &mut self.promised,
        }
    }

    /// Where replies go that promise something: they leave in order, each once the turn's changes are durable.
    #[inline]
    pub fn promised(&mut self) -> &mut Output {
        &mut self.promised
    }

    /// The same for the acknowledgement of a publish, which is counted: see [`Replies::acknowledgements`].
    #[inline]
    pub fn acknowledgement(&mut self) -> &mut Output {
        self.acknowledgements += 1;
        &mut self.promised
    }

    /// Acknowledgements of publishes that have not left yet: the client's publishes that are under way.
    #[inline]
    pub fn acknowledgements(&self) -> usize {
        self.acknowledgements as usize
    }

    /// The turn was committed: what was promised in it depends on `commit`.
    pub fn commit(&mut self, commit: CommitId) {
        let marked = self.marks.last().map_or((0, 0), |mark| (mark.end, mark.acknowledgements));
        if self.promised.len() > marked.0 {
            let (end, acknowledgements) = (self.promised.len(), self.acknowledgements);
            self.marks.push(Mark { end, commit, acknowledgements });
        }
    }

    /// Moves what may leave into `output`. Returns the commit that the next held reply waits for.
    pub fn transmit(&mut self, durable: CommitId, output: &mut Output) -> Option<CommitId> {
        let free = self.marks.iter().take_while(|mark| mark.commit <= durable).count();
        let released = self.marks.drain(..free).next_back();
        if let Some(Mark { end, acknowledgements, .. }) = released {
            self.promised.move_front(end, output);
            self.is_greeted = true;
            self.acknowledgements -= acknowledgements;
            for mark in &mut self.marks {
                mark.end -= end;
                mark.acknowledgements -= acknowledgements;
            }
        }
        // Behind what the disk has let go, which is the order of what they answer whenever nothing has to wait.
        output.append(&mut self.immediate);
        self.marks.first().map(|mark| mark.commit)
    }

    /// Whether CONNACK or CONNECTED has left, so that deliveries may.
    pub fn is_greeted(&self) -> bool {
        self.is_greeted
    }

    /// Whether replies wait for the disk, rather than for the socket.
    pub fn wait_for_store(&self, durable: CommitId) -> bool {
        self.marks.first().is_some_and(|mark| mark.commit > durable)
    }

    /// Bytes that have not left.
    pub fn held_bytes(&self) -> usize {
        self.immediate.len() + self.promised.len()
    }
}

/// The earlier of two commits that are waited for.
pub fn earlier(left: Option<CommitId>, right: Option<CommitId>) -> Option<CommitId> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(replies: &mut Replies, durable: u64) -> (Vec<u8>, Option<u64>) {
        let mut output = Output::default();
        let held = replies.transmit(CommitId(durable), &mut output);
        (output.bytes.to_vec(), held.map(|commit| commit.0))
    }

    #[test]
    fn nothing_overtakes_the_first_promise() {
        let mut replies = Replies::default();
        replies.promised().bytes.extend_from_slice(b"CONNACK ");
        replies.immediate().bytes.extend_from_slice(b"ping");
        replies.commit(CommitId(1));
        assert_eq!(sent(&mut replies, 0), (Vec::new(), Some(1)));
        assert_eq!(sent(&mut replies, 1), (b"CONNACK ping".to_vec(), None));
    }

    #[test]
    fn a_promise_waits_for_its_commit_and_nothing_else_does() {
        let mut replies = Replies { is_greeted: true, ..Replies::default() };
        replies.acknowledgement().bytes.extend_from_slice(b"A");
        replies.commit(CommitId(1));
        replies.acknowledgement().bytes.extend_from_slice(b"B");
        replies.immediate().bytes.extend_from_slice(b"ping");
        replies.commit(CommitId(2));
        assert_eq!(sent(&mut replies, 0), (b"ping".to_vec(), Some(1)));
        assert_eq!(replies.acknowledgements(), 2);
        assert_eq!(sent(&mut replies, 1), (b"A".to_vec(), Some(2)));
        assert_eq!(replies.acknowledgements(), 1);
        assert_eq!(sent(&mut replies, 2), (b"B".to_vec(), None));
        assert_eq!((replies.acknowledgements(), replies.held_bytes()), (0, 0));
    }

    #[test]
    fn what_was_promised_in_a_turn_that_is_not_committed_stays() {
        let mut replies = Replies::default();
        replies.promised().bytes.extend_from_slice(b"A");
        assert_eq!(sent(&mut replies, 9), (Vec::new(), None));
        replies.commit(CommitId(3));
        assert_eq!(sent(&mut replies, 9), (b"A".to_vec(), None));
    }
}
