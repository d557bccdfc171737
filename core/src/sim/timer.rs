//! Waiting in virtual time.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::config::{Fired, Timing};
use super::world::{Event, EventKey, Sim};
use crate::driver::Timer;
use crate::time::Instant;

const LATE: Duration = Duration::from_millis(1);

/// One instant to be woken at.
struct Alarm {
    sim: Sim,
    key: Option<EventKey>,
}

impl Alarm {
    fn new(sim: Sim) -> Self {
        Self { sim, key: None }
    }

    fn clear(&mut self) {
        if let Some(key) = self.key.take() {
            self.sim.with(|world| world.cancel(key));
        }
    }

    /// Registers the waker anew unless the instant is there.
    fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let before = self.key.take();
        let key = self.sim.with(|world| {
            if let Some(key) = before {
                world.cancel(key);
            }
            (world.now < at).then(|| world.schedule(at, Event::Fire(cx.waker().clone())))
        });
        self.key = key;
        if self.key.is_some() { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Where a timer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unset,
    Set(Instant),
    /// Fired, and says so again.
    Ready,
    /// Fired, and says nothing any more.
    Silent,
}

/// A timer with all that a [`Timer`] may do: early or late, and stubborn after it fired.
pub struct SimTimer {
    alarm: Alarm,
    stage: Stage,
}

impl SimTimer {
    pub(super) fn new(sim: Sim) -> Self {
        Self { alarm: Alarm::new(sim), stage: Stage::Unset }
    }
}

impl Timer for SimTimer {
    fn reset(&mut self, at: Instant) {
        self.alarm.clear();
        let fires = self.alarm.sim.with(|world| {
            let timing = match world.config.timing {
                Timing::Seeded => [Timing::Exact, Timing::Early, Timing::Late][world.rng.index(3)],
                chosen @ (Timing::Exact | Timing::Early | Timing::Late) => chosen,
            };
            let early = Instant::from_nanos(at.as_nanos().saturating_sub(1));
            match timing {
                // Were the timer early for the second time, time would stand still.
                Timing::Early if early > world.now => early,
                Timing::Late => at + LATE,
                Timing::Early | Timing::Exact | Timing::Seeded => at,
            }
        });
        self.stage = Stage::Set(fires);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.stage {
            Stage::Unset | Stage::Silent => Poll::Pending,
            Stage::Ready => Poll::Ready(()),
            Stage::Set(at) => {
                let polled = self.alarm.poll(at, cx);
                if polled.is_ready() {
                    self.stage = self.alarm.sim.with(|world| match world.config.fired {
                        Fired::Ready => Stage::Ready,
                        Fired::Pending => Stage::Silent,
                        Fired::Seeded => [Stage::Ready, Stage::Silent][world.rng.index(2)],
                    });
                }
                polled
            }
        }
    }
}

impl fmt::Debug for SimTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimTimer").field(&self.stage).finish()
    }
}

/// A pause, made by [`Sim::sleep`].
pub struct SimSleep {
    alarm: Alarm,
    until: Instant,
}

impl SimSleep {
    pub(super) fn new(sim: Sim, until: Instant) -> Self {
        Self { alarm: Alarm::new(sim), until }
    }
}

impl Future for SimSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let until = self.until;
        self.alarm.poll(until, cx)
    }
}

impl fmt::Debug for SimSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimSleep").field(&self.until).finish()
    }
}
