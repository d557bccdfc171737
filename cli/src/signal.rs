//! Ctrl-C, SIGTERM and SIGHUP, on any event loop.

#[cfg(not(unix))]
pub(crate) use other::Signals;
#[cfg(unix)]
pub(crate) use unix::Signals;

#[cfg(unix)]
mod unix {
    use std::io;
    use std::process;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering};
    use std::thread;
    use std::time::Duration;

    use anyloop::Shutdown;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator;

    /// How long connections that are dropped have to go, before the process ends without them: a handler may block.
    const GONE: Duration = Duration::from_secs(1);

    /// Ctrl-C, SIGTERM and SIGHUP: they wait here from the start.
    pub(crate) struct Signals {
        waiting: iterator::Signals,
        second: Arc<AtomicU8>,
    }

    impl Signals {
        /// Takes the signals over.
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self { waiting: iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?, second: Arc::default() })
        }

        /// Lets SIGHUP reload, the first of the others end the server in order, and the second one at once.
        pub(crate) fn end(
            self,
            shutdown: Shutdown,
            reload: impl Fn() + Send + 'static,
        ) -> io::Result<Forced> {
            let Self { mut waiting, second } = self;
            let forced = Forced(Arc::clone(&second));
            let wait = move || {
                let mut signals = waiting.forever().filter(|signal| {
                    if *signal == SIGHUP {
                        reload();
                    }
                    *signal != SIGHUP
                });
                if signals.next().is_some() {
                    shutdown.announce();
                }
                if let Some(signal) = signals.next() {
                    let code = code(signal);
                    second.store(code, Ordering::SeqCst);
                    shutdown.kill();
                    thread::sleep(GONE);
                    process::exit(code.into());
                }
            };
            thread::Builder::new().name("anyloop-signals".into()).spawn(wait)?;
            Ok(forced)
        }
    }

    /// As shells count the end by a signal.
    fn code(signal: i32) -> u8 {
        u8::try_from(128 + signal).unwrap_or(u8::MAX)
    }

    /// Whether the server was ended at once.
    pub(crate) struct Forced(Arc<AtomicU8>);

    impl Forced {
        /// Returns the exit code: 0 when all ended in order.
        pub(crate) fn exit_code(&self) -> u8 {
            self.0.load(Ordering::SeqCst)
        }
    }
}

#[cfg(not(unix))]
mod other {
    use std::io;

    use anyloop::Shutdown;

    /// The system ends the process by itself.
    pub(crate) struct Signals;

    impl Signals {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) fn end(self, _: Shutdown, _: impl Fn() + Send + 'static) -> io::Result<Forced> {
            Ok(Forced)
        }
    }

    /// Never.
    pub(crate) struct Forced;

    impl Forced {
        pub(crate) fn exit_code(&self) -> u8 {
            0
        }
    }
}
