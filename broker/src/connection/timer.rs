//! The one timer of a connection.

use std::pin::Pin;
use std::task::Context;
use std::time::Instant;

use tokio::time::Sleep;

/// A timer that wakes the connection's task. It is moved only when it fires or would fire too late: a deadline that moves on
/// with every packet costs nothing.
pub(super) struct Timer {
    sleep: Pin<Box<Sleep>>,
    /// When it wakes the task by itself, once it has been polled. It stands here since the timer itself lies elsewhere, and
    /// most turns look no further.
    wakes_at: Option<Instant>,
}

impl Timer {
    /// One that is to fire then, and is not set yet.
    pub(super) fn new(at: Instant) -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(at.into())), wakes_at: None }
    }

    /// Sees to it that the task is woken at that time or before, in a turn that began `now`.
    pub(super) fn set(&mut self, at: Instant, now: Instant, cx: &mut Context<'_>) {
        if self.wakes_at.is_some_and(|wakes_at| wakes_at <= at && wakes_at > now) {
            return;
        }
        self.wakes_at = None;
        let deadline = at.into();
        if self.sleep.deadline() > deadline || self.sleep.is_elapsed() {
            self.sleep.as_mut().reset(deadline);
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            if deadline <= tokio::time::Instant::now() {
                // Due only since this turn began: it is for the next one, and the timer will wake nobody any more.
                if at > now {
                    cx.waker().wake_by_ref();
                }
                return;
            }
            self.sleep.as_mut().reset(deadline);
        }
        self.wakes_at = Some(self.sleep.deadline().into_std());
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;
    use std::time::Duration;

    use super::*;

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// Sets the timer in a turn that begins now.
    async fn set(timer: &mut Timer, at: Instant) {
        poll_fn(|cx| {
            timer.set(at, now(), cx);
            Poll::Ready(())
        })
        .await;
    }

    /// Waits until the task is woken some time later, by the timer or after a minute; how long after `began` that was.
    async fn wakes_after(began: Instant) -> Duration {
        let before = now();
        let waits = poll_fn(|_| if now() == before { Poll::Pending } else { Poll::Ready(()) });
        let _ = tokio::time::timeout(Duration::from_secs(60), waits).await;
        now() - began
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_at_the_nearest_time_and_again_after_one_that_was_due() {
        let (began, secs) = (now(), Duration::from_secs);
        let mut timer = Timer::new(began + secs(10));
        set(&mut timer, began + secs(10)).await;
        // A later time leaves it alone, an earlier one moves it.
        set(&mut timer, began + secs(20)).await;
        set(&mut timer, began + secs(5)).await;
        assert_eq!(wakes_after(began).await, secs(5));
        set(&mut timer, began + secs(10)).await;
        // What is due is seen to in this turn, and what comes next is further than what it was set to before.
        set(&mut timer, now()).await;
        set(&mut timer, began + secs(15)).await;
        assert_eq!(wakes_after(began).await, secs(15));
    }
}
