//! One download into a file.

use anyloop::Runtime;
use anyloop::client::{Client, Response, Url};
use anyloop::core::head::ResponseHead;

use super::ask::Ask;
use super::checksum::Checksum;
use super::failure::{Failure, shown};
use super::name::Files;
use super::part::Part;
use super::progress::Bar;
use super::resume::{self, Note, Verdict};

/// How many bytes are gathered for one write.
const BLOCK: usize = 256 * 1024;

/// One download into a file.
#[derive(Debug)]
pub(super) struct Download<'a, R: Runtime> {
    pub(super) client: &'a Client<R>,
    pub(super) ask: &'a Ask,
    pub(super) url: Url,
    pub(super) files: Files,
    pub(super) checksum: Option<Checksum>,
    pub(super) bar: Bar<'a>,
}

impl<R: Runtime> Download<'_, R> {
    /// Downloads, from where an earlier run ended if that can be. `on_head` sees the heads of the answers.
    pub(super) async fn run(self, on_head: impl Fn(&ResponseHead)) -> Result<(), Failure> {
        let (files, key) = (self.files.clone(), Checksum::of(self.url.as_str().as_bytes()));
        let mut part = if self.ask.is_plain() {
            self.blocking(move || Part::find(files, key)).await?
        } else {
            Part::new(files)
        };
        loop {
            let (response, verdict) = self.ask(&part).await?;
            on_head(response.head());
            let end = match verdict {
                Verdict::Whole => {
                    let total = response.length();
                    let note = Note::of(response.head(), key, total).filter(|_| self.ask.is_plain());
                    part = self.change(part, |part| part.restart(note)).await?;
                    self.bar.start(0, total);
                    None
                }
                Verdict::Rest { first, last, total } => {
                    part = self.change(part, move |part| part.cut(first)).await?;
                    self.bar.start(first, Some(total));
                    Some((last + 1, total))
                }
                Verdict::Again => {
                    part.forget();
                    continue;
                }
                Verdict::Nothing => return Err(self.nothing(response)),
            };
            part = self.copy(response, part).await?;
            match end {
                // The server gave less than the rest: there is more to ask for.
                Some((end, total)) if part.length() == end && end < total => {}
                Some((end, _)) if part.length() != end => part.forget(),
                Some(_) | None => break,
            }
        }
        let checksum = self.checksum;
        self.blocking(move || part.finish(checksum)).await
    }

    async fn ask(&self, part: &Part) -> Result<(Response<R>, Verdict), Failure> {
        let mut request = self.ask.file(self.client, &self.url);
        let held = part.held().map(|(length, note)| (note.ask(length), note));
        if let Some(((first, validator), _)) = held {
            request =
                request.header("Range", format!("bytes={first}-")).header("If-Range", validator.to_owned());
        }
        let response = request.send().await?;
        let verdict = resume::judge(response.head(), held.map(|((first, _), note)| (first, note)));
        Ok((response, verdict))
    }

    fn nothing(&self, response: Response<R>) -> Failure {
        let status = response.status().to_string();
        match response.error_for_status() {
            Ok(_) => Failure::Nothing { url: shown(&self.url), status },
            Err(error) => error.into(),
        }
    }

    /// Appends the body. What came before an error is kept for the next run.
    async fn copy(&self, mut response: Response<R>, mut part: Part) -> Result<Part, Failure> {
        let mut block = Vec::new();
        loop {
            let next = response.chunk().await;
            if let Ok(Some(chunk)) = &next {
                block.extend_from_slice(chunk);
                self.bar.add(chunk.len());
                if block.len() < BLOCK {
                    continue;
                }
            }
            if !block.is_empty() {
                let full = core::mem::take(&mut block);
                (part, block) = self
                    .blocking(move || {
                        part.write(&full)?;
                        let mut empty = full;
                        empty.clear();
                        Ok((part, empty))
                    })
                    .await?;
            }
            if next?.is_none() {
                return Ok(part);
            }
        }
    }

    async fn change(
        &self,
        mut part: Part,
        change: impl FnOnce(&mut Part) -> Result<(), Failure> + Send + 'static,
    ) -> Result<Part, Failure> {
        self.blocking(move || change(&mut part).map(|()| part)).await
    }

    /// Does what blocks on the runtime's pool for it.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let done = self.client.runtime().unblock(work).await;
        done.unwrap_or_else(|panicked| Err(Failure::disk(&self.files.part, std::io::Error::other(panicked))))
    }
}
