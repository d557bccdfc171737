//! What the parsers of requests and responses share: a start line, then fields, in as many calls as it takes.

use alloc::boxed::Box;
use bytes::{Buf, BytesMut};

use super::field::{FieldParser, Section};
use crate::error::Error;
use crate::limits::Limits;

/// The first line of a head, read in as many calls as it takes.
pub(super) trait StartLine: Default {
    /// What a whole head becomes.
    type Head;

    /// Takes the head out of `inbound` when it is wholly there, of the usual kind and without a fault: most are. Anything
    /// else is left as it is, to be read part by part.
    fn take_whole(inbound: &mut BytesMut, limits: &Limits) -> Option<Self::Head>;

    /// Goes on; true when the line was read, which ends at [`StartLine::position`].
    fn parse(&mut self, buf: &[u8], limits: &Limits) -> Result<bool, Error>;

    /// Returns the place of the first byte that was not looked at.
    fn position(&self) -> usize;

    /// Whether no byte of the line was seen.
    fn is_untouched(&self) -> bool;

    /// Forgets the bytes before the line, which the caller takes out of the buffer, and returns how many they are.
    fn take_skipped(&mut self) -> usize;

    /// Makes the head and takes its bytes out of `inbound`, which begins where parsing began.
    fn finish(&mut self, inbound: &mut BytesMut, fields: &mut FieldParser) -> Self::Head;
}

/// A parser of heads. Between heads it holds nothing; a head that arrives in parts costs one allocation.
#[derive(Debug)]
pub(super) struct HeadParser<L> {
    state: State<L>,
    scanned: u64,
}

#[derive(Debug)]
enum State<L> {
    Idle,
    Partial(Box<Progress<L>>),
    Failed(Error),
}

#[derive(Debug, Default)]
struct Progress<L> {
    line: L,
    line_is_whole: bool,
    fields: FieldParser,
}

impl<L> Default for HeadParser<L> {
    fn default() -> Self {
        Self { state: State::Idle, scanned: 0 }
    }
}

impl<L: StartLine> HeadParser<L> {
    /// Whether no byte of a head was seen.
    pub(super) fn is_idle(&self) -> bool {
        match &self.state {
            State::Idle => true,
            State::Partial(progress) => progress.line.is_untouched(),
            State::Failed(_) => false,
        }
    }

    /// Returns how many bytes were looked at.
    pub(super) fn scanned(&self) -> u64 {
        self.scanned
    }

    /// Goes on with all bytes of the head that are there.
    #[inline]
    pub(super) fn parse(
        &mut self,
        inbound: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<L::Head>, Error> {
        if let State::Idle = self.state {
            let before = inbound.len();
            if let Some(head) = L::take_whole(inbound, limits) {
                self.scanned += (before - inbound.len()) as u64;
                return Ok(Some(head));
            }
        }
        self.parse_parts(inbound, limits)
    }

    #[inline(never)]
    fn parse_parts(&mut self, inbound: &mut BytesMut, limits: &Limits) -> Result<Option<L::Head>, Error> {
        match core::mem::replace(&mut self.state, State::Idle) {
            State::Idle if inbound.is_empty() => Ok(None),
            State::Idle => {
                let mut progress = Progress::default();
                let is_whole = self.run(&mut progress, inbound, limits)?;
                if !is_whole {
                    progress.skip(inbound);
                    self.state = State::Partial(Box::new(progress));
                    return Ok(None);
                }
                Ok(Some(progress.line.finish(inbound, &mut progress.fields)))
            }
            State::Partial(mut progress) => {
                if self.run(&mut progress, inbound, limits)? {
                    return Ok(Some(progress.line.finish(inbound, &mut progress.fields)));
                }
                progress.skip(inbound);
                self.state = State::Partial(progress);
                Ok(None)
            }
            State::Failed(error) => {
                self.state = State::Failed(error);
                Err(error)
            }
        }
    }

    fn run(&mut self, progress: &mut Progress<L>, buf: &[u8], limits: &Limits) -> Result<bool, Error> {
        let before = progress.position();
        let outcome = progress.run(buf, limits);
        self.scanned += (progress.position() - before) as u64;
        if let Err(error) = outcome {
            self.state = State::Failed(error);
        }
        outcome
    }
}

impl<L: StartLine> Progress<L> {
    #[inline]
    fn run(&mut self, buf: &[u8], limits: &Limits) -> Result<bool, Error> {
        if !self.line_is_whole {
            if !self.line.parse(buf, limits)? {
                return Ok(false);
            }
            self.line_is_whole = true;
            self.fields.begin(self.line.position());
        }
        self.fields.parse(buf, Section::Head, limits)
    }

    /// Takes out what stands before the head and is no part of it, so that nothing stays of it between heads.
    fn skip(&mut self, inbound: &mut BytesMut) {
        if self.line.is_untouched() {
            inbound.advance(self.line.take_skipped());
        }
    }

    fn position(&self) -> usize {
        if self.line_is_whole { self.fields.position() } else { self.line.position() }
    }
}
