//! Protocols behind a box, and one of two.

use core::fmt;
use core::task::Context;

use alloc::boxed::Box;

use super::{Eof, Lost, Protocol, Work};
use crate::link::Link;

/// One of two protocols, as where some connections are encrypted and others are not. Its errors are those of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first.
    First(A),
    /// The second.
    Second(B),
}

impl<A, B> Either<A, B> {
    /// Lends whichever it is.
    fn lend(&mut self) -> Either<&mut A, &mut B> {
        match self {
            Self::First(first) => Either::First(first),
            Self::Second(second) => Either::Second(second),
        }
    }
}

fn sort<T, A, B>(result: Either<Result<T, A>, Result<T, B>>) -> Result<T, Either<A, B>> {
    match result {
        Either::First(result) => result.map_err(Either::First),
        Either::Second(result) => result.map_err(Either::Second),
    }
}

/// Calls the same method of whichever it is.
macro_rules! both {
    ($self:ident, $protocol:ident => $call:expr) => {
        match $self.lend() {
            Either::First($protocol) => Either::First($call),
            Either::Second($protocol) => Either::Second($call),
        }
    };
}

impl<A: Protocol, B: Protocol> Protocol for Either<A, B> {
    type Error = Either<A::Error, B::Error>;

    fn connection_made(&mut self, link: &mut Link) -> Result<(), Self::Error> {
        sort(both!(self, inner => inner.connection_made(link)))
    }

    fn data_received(&mut self, link: &mut Link) -> Result<(), Self::Error> {
        sort(both!(self, inner => inner.data_received(link)))
    }

    fn eof_received(&mut self, link: &mut Link, how: Eof) -> Result<(), Self::Error> {
        sort(both!(self, inner => inner.eof_received(link, how)))
    }

    fn deadline_reached(&mut self, link: &mut Link) -> Result<(), Self::Error> {
        sort(both!(self, inner => inner.deadline_reached(link)))
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Result<Work, Self::Error> {
        sort(both!(self, inner => inner.poll_work(cx, link)))
    }

    fn shutdown(&mut self, link: &mut Link) {
        both!(self, inner => inner.shutdown(link));
    }

    fn connection_lost(&mut self, cause: Lost) {
        both!(self, inner => inner.connection_lost(cause));
    }
}

impl<A: fmt::Display, B: fmt::Display> fmt::Display for Either<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First(first) => first.fmt(f),
            Self::Second(second) => second.fmt(f),
        }
    }
}

impl<A: core::error::Error, B: core::error::Error> core::error::Error for Either<A, B> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::First(first) => first.source(),
            Self::Second(second) => second.source(),
        }
    }
}

impl<P: Protocol + ?Sized> Protocol for Box<P> {
    type Error = P::Error;

    fn connection_made(&mut self, link: &mut Link) -> Result<(), P::Error> {
        (**self).connection_made(link)
    }

    fn data_received(&mut self, link: &mut Link) -> Result<(), P::Error> {
        (**self).data_received(link)
    }

    fn eof_received(&mut self, link: &mut Link, how: Eof) -> Result<(), P::Error> {
        (**self).eof_received(link, how)
    }

    fn deadline_reached(&mut self, link: &mut Link) -> Result<(), P::Error> {
        (**self).deadline_reached(link)
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Result<Work, P::Error> {
        (**self).poll_work(cx, link)
    }

    fn shutdown(&mut self, link: &mut Link) {
        (**self).shutdown(link);
    }

    fn connection_lost(&mut self, cause: Lost) {
        (**self).connection_lost(cause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Now;
    use alloc::string::{String, ToString};
    use core::task::Waker;

    /// Writes down what is called, and fails with its name.
    struct Named(&'static str, String);

    impl Named {
        fn note(&mut self, call: &str) -> Result<(), Fault> {
            self.1 += call;
            Err(Fault(self.0))
        }
    }

    #[derive(Debug, PartialEq)]
    struct Fault(&'static str);

    impl fmt::Display for Fault {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl core::error::Error for Fault {}

    impl Protocol for Named {
        type Error = Fault;

        fn connection_made(&mut self, _: &mut Link) -> Result<(), Fault> {
            self.note("made ")
        }

        fn data_received(&mut self, _: &mut Link) -> Result<(), Fault> {
            self.note("data ")
        }

        fn eof_received(&mut self, _: &mut Link, _: Eof) -> Result<(), Fault> {
            self.note("eof ")
        }

        fn deadline_reached(&mut self, _: &mut Link) -> Result<(), Fault> {
            self.note("deadline ")
        }

        fn poll_work(&mut self, _: &mut Context<'_>, _: &mut Link) -> Result<Work, Fault> {
            self.note("work ").map(|()| Work::Waiting)
        }

        fn shutdown(&mut self, _: &mut Link) {
            self.1 += "shutdown ";
        }

        fn connection_lost(&mut self, _: Lost) {
            self.1 += "lost";
        }
    }

    #[test]
    fn each_call_reaches_the_one_that_is_there() {
        let named = |name| Box::new(Named(name, String::new()));
        for mut either in [Either::First(named("first")), Either::Second(named("second"))] {
            let mut link = Link::new(Now::default());
            let name = either.connection_made(&mut link).unwrap_err().to_string();
            let mut cx = Context::from_waker(Waker::noop());
            for result in [
                either.data_received(&mut link),
                either.eof_received(&mut link, Eof::Clean),
                either.deadline_reached(&mut link),
                either.poll_work(&mut cx, &mut link).map(|_| ()),
            ] {
                assert_eq!(result.unwrap_err().to_string(), name);
            }
            either.shutdown(&mut link);
            either.connection_lost(Lost::Closed);
            let (expected, calls) = match either {
                Either::First(first) => ("first", first.1),
                Either::Second(second) => ("second", second.1),
            };
            assert_eq!(
                (name.as_str(), calls.as_str()),
                (expected, "made data eof deadline work shutdown lost")
            );
        }
    }
}
