//! `anyloop get`.

mod args;
mod ask;
mod checksum;
mod descriptors;
mod download;
mod failure;
mod items;
mod list;
mod name;
mod part;
mod print;
mod progress;
mod resume;
mod secure;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyloop::Runtime;
use anyloop::client::{Client, ClientTls, Gather, Url};

pub(crate) use args::GetArgs;

use crate::backend;
use ask::Ask;
use checksum::Checksum;
use download::Download;
use failure::Failure;
use items::Words;
use list::Entry;
use name::{Files, Names};
use print::Sink;
use progress::Progress;

/// The exit code for wrong arguments.
const USAGE: u8 = 2;

/// Gets what the arguments say.
pub(crate) fn run(args: GetArgs) -> io::Result<ExitCode> {
    let backend = backend::find(args.backend.as_deref())?;
    let entries = args.list.as_deref().map(list::read).transpose()?;
    match Job::new(args, entries) {
        Ok(job) => (backend.get)(job),
        Err(why) => {
            eprintln!("anyloop: {why}");
            Ok(ExitCode::from(USAGE))
        }
    }
}

/// What is to be done, for an event loop to do it.
#[derive(Debug)]
pub(crate) struct Job {
    args: GetArgs,
    ask: Ask,
    tls: ClientTls,
    what: What,
}

#[derive(Debug)]
enum What {
    /// One URL, shown or written to a file.
    One(Url),
    /// Downloads under their own names.
    Many(Vec<Wanted>),
}

/// A download, or why it is none.
type Wanted = Result<(Url, Files, Option<Checksum>), Failure>;

impl Job {
    fn new(args: GetArgs, entries: Option<Vec<Entry>>) -> Result<Self, String> {
        let mut words = Words::parse(&args.words)?;
        args.fields.iter().try_for_each(|field| words.field(field))?;
        let ask = Ask::new(&args, &words)?;
        let tls = args.tls.load().map_err(|error| error.to_string())?;
        let downloads = args.save || entries.is_some() || words.urls.len() > 1;
        if !downloads {
            let [url] = &words.urls[..] else { return Err("no URL".into()) };
            if args.checksum.is_some() && args.output.as_deref().is_none_or(|path| path == Path::new("-")) {
                return Err("--checksum needs -o FILE or --save".into());
            }
            let url = items::url(url).map_err(|why| format!("{url}: {why}"))?;
            return Ok(Self { what: What::One(url), args, ask, tls });
        }
        if args.method.is_some() || args.form || !words.members.is_empty() {
            return Err("methods, forms and items are for a single URL without --save".into());
        }
        if args.output.is_some() {
            return Err("-o is for a single URL".into());
        }
        if args.checksum.is_some() && words.urls.len() > 1 {
            return Err("--checksum is for a single URL; in a list the checksum stands behind the URL".into());
        }
        let named = words.urls.iter().map(|url| Entry { url: url.clone(), checksum: Ok(args.checksum) });
        let mut names = Names::default();
        let all = named.chain(entries.into_iter().flatten());
        let all = all.map(|entry| wanted(&entry, &mut names)).collect();
        Ok(Self { args, ask, tls, what: What::Many(all) })
    }

    /// Does it, and returns the exit code.
    pub(crate) async fn run<R: Runtime>(self, rt: R) -> ExitCode {
        let Self { args, ask, tls, what } = self;
        let at_once = descriptors::at_once(args.concurrency);
        let client = ask::client(rt, &args, tls, at_once);
        match what {
            What::One(url) => match one(&client, &ask, url, &args).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => {
                    if !matches!(failure, Failure::NobodyReads) {
                        eprintln!("anyloop: {failure}");
                    }
                    ExitCode::FAILURE
                }
            },
            What::Many(all) => many(&client, &ask, all, at_once, args.quiet).await,
        }
    }
}

fn wanted(entry: &Entry, names: &mut Names) -> Wanted {
    let url = items::url(&entry.url).map_err(|why| Failure::Refused { url: entry.url.clone(), why })?;
    let refused = |why: &str| Failure::Refused { url: failure::shown(&url), why: why.into() };
    let checksum = entry.checksum.map_err(refused)?;
    let name = names.take(&url).map_err(refused)?;
    Ok((url, Files::new(name.into()), checksum))
}

async fn one<R: Runtime>(client: &Client<R>, ask: &Ask, url: Url, args: &GetArgs) -> Result<(), Failure> {
    let show = |head: &_| {
        if !args.quiet {
            print::head(head);
        }
    };
    let sink = match args.output.as_deref() {
        None => Sink::Readable,
        Some(path) if path == Path::new("-") => Sink::Stdout,
        Some(path) => match Sink::device(path)? {
            Some(sink) => sink,
            None => {
                let progress = Progress::new(args.quiet, 1);
                let bar = progress.begin(path.display().to_string());
                let (files, checksum) = (Files::new(path.into()), args.checksum);
                return Download { client, ask, url, files, checksum, bar }.run(show).await;
            }
        },
    };
    let response = ask.request(client, &url).send().await?;
    show(response.head());
    let status = response.status();
    let address = response.url().clone();
    sink.copy(client.runtime(), response).await?;
    if status.code() >= 400 { Err(Failure::Status { url: failure::shown(&address), status }) } else { Ok(()) }
}

async fn many<R: Runtime>(
    client: &Client<R>,
    ask: &Ask,
    all: Vec<Wanted>,
    at_once: usize,
    quiet: bool,
) -> ExitCode {
    let progress = Progress::new(quiet, all.len());
    let (mut done, mut failed) = (0_usize, 0_usize);
    let downloads = all.into_iter().map(async |wanted: Wanted| {
        let (url, files, checksum) = wanted?;
        let bar = progress.begin(files.whole.display().to_string());
        Download { client, ask, url, files, checksum, bar }.run(|_| ()).await
    });
    let mut all = Gather::new(at_once, downloads);
    while let Some((_, result)) = all.next().await {
        match result {
            Ok(()) => done += 1,
            Err(failure) => {
                failed += 1;
                progress.say(format_args!("anyloop: {failure}"));
            }
        }
        progress.count();
    }
    drop(all);
    drop(progress);
    if !quiet {
        let failures = if failed > 0 { format!(", failed: {failed}") } else { String::new() };
        // Without anyone to read it, the files are still there.
        let _ = writeln!(io::stdout(), "Downloaded: {done}{failures}");
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
