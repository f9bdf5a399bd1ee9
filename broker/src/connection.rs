//! One network connection: the loop, around the trait that MQTT and STOMP fill in.
//!
//! ```text
//!            ┌────────────────────────────── one turn ─────────────────────────────┐
//!   read ──▶ handle_input / handle_wake / handle_timeout ──▶ commit ──▶ wake others │──▶ poll_transmit ──▶ write
//!            └──────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Everything between the awaits is synchronous and takes its time from the [`Turn`]. There is one poll function and
//! no second task, so nothing has to be shared between a reader and a writer.

mod closing;
mod input;
mod protocol;
mod timer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;

use self::closing::Closing;
use self::input::{Input, handle};
pub use self::protocol::{Close, CloseCode, Flow, Protocol};
use self::timer::Timer;
use crate::broker::{Broker, Loss};
use crate::clock::Now;
use crate::counters::{self, Moved, RefusalReason, Spoken, is_sampled};
use crate::net::{Received, Stream};
use crate::output::Output;
use crate::session::{Link, READY_BYTES_MAX};
use crate::store::CommitId;
use crate::turn::Turn;

/// Turns a connection may take before it lets others on its thread have theirs.
const TURNS_MAX: usize = 8;
/// Reads in one turn: the last one, as a rule, only says that there is nothing more.
const READS_PER_TURN: usize = 3;
/// Bytes behind which a connection reads no more until others have had their turns: whoever they go to can write them while
/// they are in the cache, and what comes next need not wait in a backlog.
const READ_BYTES_MAX: usize = 32 * 1024;
/// Bytes of one read while memory is short: what has to wait may be as much for each connection.
const SHORT_READ_BYTES: usize = 4 * 1024;
/// Memory a connection keeps for output between writes, so that an idle one holds next to nothing.
const OUTPUT_KEPT_BYTES: usize = 1024;

/// Serves one connection until it ends. A panic ends this connection alone.
pub fn serve(broker: Arc<Broker>, stream: Stream, protocol: Box<dyn Protocol>, link: Arc<Link>) -> Serving {
    broker.counters.connections.add(1);
    broker.counters.connections_total.add(1);
    Serving(Some(Connection {
        stream,
        protocol,
        link,
        tail: BytesMut::new(),
        has_more: false,
        output: Output::default(),
        timer: None,
        awaited: CommitId::NONE,
        now: broker.now(),
        closing: None,
        loss: Loss::Broken,
        carried: Moved::default(),
        broker,
    }))
}

/// A connection that is served. Written by hand, since an `async fn` would hold its arguments a second time, for hours.
#[must_use = "a future does nothing unless it is polled"]
pub struct Serving(Option<Connection>);

impl Future for Serving {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = &mut self.0 else { return Poll::Ready(()) };
        let poll = catch_unwind(AssertUnwindSafe(|| connection.poll(cx))).unwrap_or_else(|_| {
            connection.broker.counters.panics.add(1);
            connection.loss = Loss::Panicked;
            tracing::error!(link = %connection.link, "a panic ended this connection; all others go on");
            Poll::Ready(())
        });
        if poll.is_ready()
            && let Some(connection) = self.0.take()
        {
            connection.let_go();
        }
        poll
    }
}

struct Connection {
    broker: Arc<Broker>,
    stream: Stream,
    protocol: Box<dyn Protocol>,
    link: Arc<Link>,
    /// What has arrived and does not make a whole packet or frame yet.
    tail: BytesMut,
    /// The tail may hold whole packets, since the protocol yielded.
    has_more: bool,
    output: Output,
    timer: Option<Timer>,
    /// The commit whose durability wakes this connection.
    awaited: CommitId,
    /// The time of the last turn.
    now: Now,
    closing: Option<Closing>,
    /// Why it ends, where nobody says so before.
    loss: Loss,
    /// Bytes of packets and frames that have come and gone.
    carried: Moved,
}

impl Connection {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.link.register(cx.waker());
        let mut size = 0;
        for _ in 0..TURNS_MAX {
            if self.closing.is_some() {
                return self.poll_close(cx);
            }
            let Ok(input) = self.poll_turn(cx, &mut size) else { return Poll::Ready(()) };
            if self.closing.is_some() {
                continue;
            }
            if self.poll_write(cx).is_err() {
                return Poll::Ready(());
            }
            // Where nothing was read because replies were held, and the write has let them go, the socket has not been
            // asked, and would wake nobody.
            let may_have_more = match input {
                Input::Part => true,
                Input::NotAsked => self.may_read(),
                Input::All | Input::Nothing | Input::Ended => false,
            };
            if !may_have_more {
                return Poll::Pending;
            }
            if size > READ_BYTES_MAX {
                break;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One turn: signals, timeouts, input, commit. Returns what came of reading, and counts the bytes.
    fn poll_turn(&mut self, cx: &mut Context<'_>, size: &mut usize) -> Result<Input, Lost> {
        // The broker is borrowed by the turn while the rest of the connection is changed.
        let broker = Arc::clone(&self.broker);
        let mut turn = broker.turn();
        turn.carried = self.carried;
        self.now = turn.now;
        let is_measured = is_sampled();
        if is_measured {
            turn.measure();
        }
        let mut flow = self.protocol.handle_wake(&mut turn);
        if flow == Flow::Continue && self.is_timeout_due() {
            flow = self.protocol.handle_timeout(&mut turn);
        }
        if self.protocol.is_paced() {
            self.stream.note_unread(self.now.instant);
        }
        if flow == Flow::Continue
            && let Some(close) = self.stream.handle_timeout(self.now.instant)
        {
            flow = self.protocol.handle_breach(&mut turn, close, RefusalReason::KeepAlive);
        }
        let mut input = Input::NotAsked;
        if flow == Flow::Continue {
            if self.may_read() {
                let before = *size;
                (input, flow) = self.poll_input(cx, &mut turn, size);
                turn.tally.moved(self.spoken()).read += (*size - before) as u64;
            } else {
                self.await_store(cx);
            }
        }
        self.carried = turn.carried;
        let is_lost = matches!(input, Input::Ended);
        if is_lost {
            self.protocol.handle_closed(&mut turn, Loss::Broken);
        }
        let finished = turn.finish();
        if is_measured {
            let took = broker.now().instant.saturating_duration_since(self.now.instant);
            broker.counters.latencies.turn.observe_time(took);
        }
        match finished {
            Ok(commit) => self.protocol.handle_commit(commit),
            Err(error) => {
                tracing::error!(link = %self.link, %error, "the connection ends, since its changes were not stored");
                self.loss = Loss::NotStored;
                return Err(Lost);
            }
        }
        if is_lost {
            return Err(Lost);
        }
        // Where nothing was handled, what was left over before still is.
        if matches!(input, Input::Part | Input::All) {
            self.has_more = flow == Flow::Yield;
        }
        match flow {
            Flow::Close(close) => self.begin_close(close),
            // Input may have brought the next timeout nearer than the timer that runs.
            Flow::Continue | Flow::Yield => self.set_timer(cx),
        }
        Ok(input)
    }

    /// Whether more input is to be handled: few enough replies are held, and the store keeps up.
    fn may_read(&self) -> bool {
        self.protocol.takes_input() && !self.broker.store().is_congested()
    }

    /// Has the connection woken once the store has caught up, if that is what keeps it from being read.
    fn await_store(&self, cx: &Context<'_>) {
        let store = self.broker.store();
        if store.is_congested() {
            store.wake_when_durable(store.applied(), cx.waker());
        }
    }

    /// Reads and handles what has arrived, within bounds: others on the thread wait.
    fn poll_input(&mut self, cx: &mut Context<'_>, turn: &mut Turn<'_>, size: &mut usize) -> (Input, Flow) {
        if self.has_more {
            return (Input::Part, handle(self.protocol.as_mut(), turn, &mut self.tail, &[]));
        }
        let is_short = self.broker.memory.is_short();
        let size_max = if is_short { SHORT_READ_BYTES } else { self.protocol.read_bytes_max() };
        for read in 0..READS_PER_TURN {
            if read > 0 && (*size > READ_BYTES_MAX || !self.may_read()) {
                break;
            }
            let Self { stream, protocol, tail, .. } = self;
            let turn_now = turn.now.instant;
            let mut handle_bytes = |bytes: &[u8], is_text: bool| {
                *size += bytes.len();
                protocol.note_text(is_text);
                handle(protocol.as_mut(), turn, tail, bytes)
            };
            match stream.poll_receive(cx, turn_now, size_max, &mut handle_bytes) {
                Poll::Pending if read == 0 => return (Input::Nothing, Flow::Continue),
                Poll::Pending => return (Input::All, Flow::Continue),
                Poll::Ready(Received::Bytes(Flow::Continue)) => {}
                Poll::Ready(Received::Bytes(flow)) => return (Input::Part, flow),
                Poll::Ready(Received::Refused(close, reason)) => {
                    return (Input::Part, protocol.handle_breach(turn, close, reason));
                }
                Poll::Ready(Received::Closed) => {
                    protocol.handle_closed(turn, Loss::Closed);
                    return (Input::Part, Flow::Close(Close::new(CloseCode::Normal, "the peer closed")));
                }
                // What came before the end is answered first; the end will still be there.
                Poll::Ready(Received::End) if read > 0 => break,
                Poll::Ready(Received::End) => return (Input::Ended, Flow::Continue),
            }
        }
        (Input::Part, Flow::Continue)
    }

    /// Writes what is due, as much as the socket takes.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Lost> {
        let mut is_all = false;
        loop {
            if self.output.is_empty() {
                if !is_all {
                    self.fill_output(cx)?;
                    // What comes from now on wakes the task.
                    is_all = self.output.len() < READY_BYTES_MAX;
                }
                if self.output.is_empty() && !self.stream.has_unsent() {
                    return Ok(Poll::Ready(()));
                }
            }
            match self.stream.poll_send(cx, &mut self.output) {
                Poll::Pending => {
                    self.protocol.handle_blocked();
                    return Ok(Poll::Pending);
                }
                Poll::Ready(Err(error)) => {
                    tracing::debug!(link = %self.link, %error, "the connection broke while it was written to");
                    return Err(Lost);
                }
                Poll::Ready(Ok(())) => self.output.clear(OUTPUT_KEPT_BYTES),
            }
        }
    }

    fn fill_output(&mut self, cx: &mut Context<'_>) -> Result<(), Lost> {
        let store = self.broker.store();
        let mut turn = self.broker.turn_at(self.now);
        let held = self.protocol.poll_transmit(&mut turn, &mut self.output);
        let written = self.output.len() as u64;
        turn.tally.moved(self.spoken()).written += written;
        self.carried.written += written;
        if let Err(error) = turn.finish() {
            tracing::error!(link = %self.link, %error, "the connection ends, since what became of its deliveries was not stored");
            self.loss = Loss::NotStored;
            return Err(Lost);
        }
        if let Some(commit) = held.filter(|commit| *commit != self.awaited) {
            self.awaited = commit;
            store.wake_when_durable(commit, cx.waker());
        }
        if held.is_none() {
            self.awaited = CommitId::NONE;
        }
        Ok(())
    }

    /// What the client has logged in with.
    fn spoken(&self) -> Option<counters::Protocol> {
        self.link.spoken().map(Spoken::protocol)
    }

    fn is_timeout_due(&self) -> bool {
        self.protocol.poll_timeout().is_some_and(|at| at <= self.now.instant)
    }

    /// Called at the end of each turn. Keeps one timer running that fires no later than the protocol's or the stream's next
    /// timeout.
    fn set_timer(&mut self, cx: &mut Context<'_>) {
        let timeouts = [self.protocol.poll_timeout(), self.stream.poll_timeout()];
        let Some(at) = timeouts.into_iter().flatten().min() else { return };
        self.timer.get_or_insert_with(|| Timer::new(at)).set(at, self.now.instant, cx);
    }

    /// The end, however it came about: the session is let go of, even after a panic.
    fn let_go(mut self) {
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut turn = self.broker.turn();
            turn.carried = self.carried;
            self.protocol.handle_closed(&mut turn, self.loss);
            if let Err(error) = turn.finish() {
                tracing::error!(link = %self.link, %error, "the end of a connection could not be stored");
            }
        }));
        if result.is_err() {
            self.broker.counters.panics.add(1);
            tracing::error!(link = %self.link, "a panic while a connection was let go of");
        }
        self.broker.remove_link(&self.link);
        self.broker.counters.connections.subtract(1);
    }
}

/// The connection is of no more use.
struct Lost;
