//! What a connection fetches for itself, rather than being handed it: messages of work queues. A queue says that there
//! is something by putting the consumer into the connection's line and waking it; the connection takes it when it can
//! write, so that what waits for a slow client waits in the queue, where others can have it.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Deliver, Link, Transmit};
use crate::output::Output;

/// Something that a connection takes messages from.
pub trait Source: Send + Sync {
    /// Delivers what it may, as long as the client's window is open and less than `bytes_max` stand ready.
    fn pull(
        &self,
        transmit: &mut Transmit<'_>,
        deliver: &mut dyn Deliver,
        ready: &mut Output,
        bytes_max: usize,
    ) -> Pulled;

    /// The connection has no room: what was to be for this source is for others, until it comes again.
    fn stall(&self);

    /// The connection has room again.
    fn resume(&self);

    /// Takes nothing any more. Returns connections to wake, since others may have what this one was to get.
    fn leave(&self) -> Vec<Arc<Link>>;

    /// The queue's name.
    fn queue_name(&self) -> &str;
}

/// How a pull ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// There is nothing more for this source at present.
    Everything,
    /// There is more, once there is room or the client has acknowledged something.
    Part,
    /// There is more, once it has come from the store. The source puts itself into the line again.
    Later,
}

/// The sources of one connection that have something for it. Its lock is the last in the order: it is taken under the
/// queue's and under the session's.
pub struct Feed {
    link: Arc<Link>,
    line: Mutex<VecDeque<Arc<dyn Source>>>,
}

impl Feed {
    /// The feed of that connection.
    pub fn new(link: Arc<Link>) -> Self {
        Self { link, line: Mutex::default() }
    }

    /// The connection.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Puts a source at the end of the line. The caller wakes the connection, once it holds no lock.
    pub fn push(&self, source: Arc<dyn Source>) {
        self.line.lock().push_back(source);
    }

    /// Delivers from the sources in the line, in turn, until there is no more or no room.
    pub fn pull(
        &self,
        transmit: &mut Transmit<'_>,
        deliver: &mut dyn Deliver,
        ready: &mut Output,
        bytes_max: usize,
    ) {
        while ready.len() < bytes_max {
            // The lock is not held while a source delivers.
            let Some(source) = self.pop() else { return };
            if source.pull(transmit, deliver, ready, bytes_max) == Pulled::Part {
                self.line.lock().push_front(source);
                return;
            }
        }
    }

    fn pop(&self) -> Option<Arc<dyn Source>> {
        self.line.lock().pop_front()
    }
}
