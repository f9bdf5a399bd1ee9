//! Which sockets have something.

use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::Link;
use crate::tw::Failure;

/// Linux's epoll, level-triggered: one read for each report, whatever it leaves is reported again.
pub(in super::super) struct Poller {
    epoll: OwnedFd,
    /// epoll's own time limit counts in milliseconds, a tenth of which is an eternity here.
    timer: OwnedFd,
    events: Vec<epoll::Event>,
    /// Whether the timer has run down and would be reported again and again.
    is_rung: bool,
}

impl Poller {
    pub(in super::super) fn new() -> Result<Self, Failure> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(failed)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC).map_err(failed)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN).map_err(failed)?;
        Ok(Self { epoll, timer, events: Vec::with_capacity(EVENTS_MAX), is_rung: false })
    }

    /// From now on [`Poller::wait`] names `token` when there is something to read from `link`.
    pub(in super::super) fn add(&self, link: &Link, token: u64) -> Result<(), Failure> {
        epoll::add(&self.epoll, &link.socket, EventData::new_u64(token), EventFlags::IN).map_err(failed)
    }

    /// Sends what `link` has, and has [`Poller::wait`] name it when there is room for the rest.
    pub(in super::super) fn flush(&self, link: &mut Link, token: u64) -> Result<(), Failure> {
        if !link.is_unsent() && !link.is_watched {
            return Ok(());
        }
        link.flush()?;
        if link.is_unsent() != link.is_watched {
            link.is_watched = link.is_unsent();
            let flags = if link.is_watched { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            epoll::modify(&self.epoll, &link.socket, EventData::new_u64(token), flags).map_err(failed)?;
        }
        Ok(())
    }

    /// No longer looks at `link`.
    pub(in super::super) fn remove(&self, link: &Link) -> Result<(), Failure> {
        epoll::delete(&self.epoll, &link.socket).map_err(failed)
    }

    /// Waits for something, no longer than `timeout`, and puts the tokens into `ready`.
    pub(in super::super) fn wait(&mut self, timeout: Duration, ready: &mut Vec<u64>) -> Result<(), Failure> {
        self.events.clear();
        ready.clear();
        let mut limit = to_timespec(timeout);
        let is_short = !timeout.is_zero() && timeout < TIMER_BELOW;
        if is_short || self.is_rung {
            // Zero stops it.
            let it_value = if is_short { limit } else { to_timespec(Duration::ZERO) };
            let once = Itimerspec { it_interval: to_timespec(Duration::ZERO), it_value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once).map_err(failed)?;
            self.is_rung = false;
        }
        if is_short {
            limit = to_timespec(TIMER_BELOW);
        }
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(failed(error)),
        }
        ready.extend(self.events.iter().map(|event| event.data.u64()).filter(|token| *token != TIMER));
        self.is_rung = ready.len() < self.events.len();
        Ok(())
    }
}

fn to_timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

fn failed(error: Errno) -> Failure {
    Failure::Other(format!("cannot wait for sockets: {error}"))
}

const EVENTS_MAX: usize = 256;
const TIMER: u64 = u64::MAX;
const TIMER_BELOW: Duration = Duration::from_millis(50);
