//! A runtime in virtual time, for tests that must not wait and must not depend on luck.
//!
//! A [`Sim`] is an event loop, a network and a clock in one value, and every choice that a real one leaves to chance is
//! drawn from a seed: which task runs next, how many bytes a read or write moves, whether a timer is early or late. The
//! same seed gives the same run, so a failure is replayed by its seed, which stands in every [`Verdict`].
//!
//! It is as hostile as the contracts allow and no kinder than the real world:
//!
//! - Every poll has a waker of its own, and waking an older one does nothing (unless [`Wakers::Stable`] asks for the
//!   habit of the well-known runtimes).
//! - A task is polled only because it was woken, and woken only because what it waits for can go on. After a successful
//!   read or write nothing is registered. A forgotten registration is therefore a [`Verdict::Deadlock`] and never healed
//!   by chance.
//! - Pipes hold a few hundred bytes; reads and writes are short and end inside chunks; closing may take a while.
//! - Timers fire a nanosecond early or a millisecond late, and once fired stay `Ready` or `Pending` for ever.
//! - A stream that is dropped with unread input, or is written to after its other end is gone, is reset, and what the
//!   peer has not read by then is lost.
//! - Time moves only when nothing can run. A run has a last instant and a number of polls, so that it always ends.
//!
//! Races between threads are not its business: it runs one task at a time, on the thread that calls [`Sim::run`].
//!
//! ```
//! use anyloop_core::driver::{Peer, Runtime, Spawn};
//! use anyloop_core::sim::Sim;
//! use core::time::Duration;
//!
//! let sim = Sim::new(7);
//! let mut listener = sim.bind("127.0.0.1:80".parse().unwrap()).unwrap();
//! let answer = sim
//!     .run(Duration::from_secs(5), async {
//!         let server = sim.clone();
//!         sim.spawn(async move {
//!             let mut stream = listener.accept().await.unwrap().stream;
//!             let bytes = stream.read_to_end().await.unwrap();
//!             server.sleep(Duration::from_secs(2)).await; // takes no time
//!             stream.write_all(&bytes).await.unwrap();
//!             stream.close().await.unwrap();
//!         });
//!         let mut stream = sim.connect(&Peer::Tcp("127.0.0.1:80".parse().unwrap())).await.unwrap();
//!         stream.write_all(b"hello").await.unwrap();
//!         stream.close().await.unwrap();
//!         stream.read_to_end().await.unwrap()
//!     })
//!     .unwrap();
//! assert_eq!(answer, b"hello");
//! assert!(sim.elapsed() >= Duration::from_secs(2));
//! ```

mod config;
mod listener;
mod net;
mod rng;
mod run;
mod stream;
mod timer;
mod trace;
mod unblock;
mod world;

#[cfg(test)]
mod tests;

pub use config::{Fired, Portions, SimConfig, Timing, Wakers, Writes};
pub use listener::{SimConnect, SimListener};
pub use net::{Fault, Side};
pub use run::{SimLocal, TaskId, Verdict};
pub use stream::{SimReader, SimStream, SimWriter};
pub use timer::{SimSleep, SimTimer};
pub use trace::{Action, Step};
pub use unblock::SimUnblock;
pub use world::Sim;
