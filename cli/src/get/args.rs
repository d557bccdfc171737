//! The arguments of `anyloop get`.

use std::path::PathBuf;

use anyloop::Method;
use clap::builder::PossibleValuesParser;

use super::checksum::Checksum;
use super::secure::TlsFlags;
use crate::backend;
use crate::flag::Time;

/// The most downloads at once: each has a socket and a file.
const MOST_AT_ONCE: i64 = 1_000;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Items: NAME=TEXT and NAME:=JSON are members of the body, NAME:VALUE is a field of the head. A body makes \
    POST the method.\n\
    The head goes to stderr and the body to stdout. Several URLs, or --save, are downloads into the current folder: NAME.part \
    until whole, and continued from there by the next run.\n\
    Times are 500ms, 30s, 5m, 1h. Exit codes: 0, 1 when something failed (a status from 400 on, too), 2 for wrong arguments."
)]
pub(crate) struct GetArgs {
    /// What to get, and what to send: the first word is a URL, as is every one with a scheme in front; the rest are
    /// items. Without a scheme it is http
    #[arg(value_name = "URL|ITEM", required_unless_present = "list")]
    pub(super) words: Vec<String>,

    /// The method [default: GET, or POST with a body]
    #[arg(short = 'X', long = "request", value_name = "METHOD", value_parser = method)]
    pub(super) method: Option<Method>,

    /// Send this field, as 'Name: value'. May be given several times
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    pub(super) fields: Vec<String>,

    /// Send NAME=TEXT items as an urlencoded form instead of JSON
    #[arg(long)]
    pub(super) form: bool,

    /// Write the body to this file; - is stdout, also for binary data on a terminal
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["save", "list"])]
    pub(super) output: Option<PathBuf>,

    /// Download a single URL as several are: into the current folder, under its own name
    #[arg(short = 'O', long)]
    pub(super) save: bool,

    /// Download the URLs of this file, one a line, each with a checksum behind it if wanted; - is stdin
    #[arg(short, long, value_name = "FILE")]
    pub(super) list: Option<PathBuf>,

    /// How many downloads, and connections to one host, there are at once
    #[arg(short, long, value_name = "N", default_value_t = 8,
        value_parser = clap::value_parser!(u16).range(1..=MOST_AT_ONCE))]
    pub(super) concurrency: u16,

    /// What the file must hash to, with -o or --save: sha256:HEX
    #[arg(long, value_name = "SUM", conflicts_with = "list")]
    pub(super) checksum: Option<Checksum>,

    /// Authenticate with user name and password
    #[arg(short, long, value_name = "USER:PASSWORD", conflicts_with = "bearer")]
    pub(super) user: Option<String>,

    /// Authenticate with a token
    #[arg(long, value_name = "TOKEN")]
    pub(super) bearer: Option<String>,

    /// How long one URL may take as a whole
    #[arg(long, value_name = "TIME")]
    pub(super) timeout: Option<Time>,

    /// How long connecting may take, with the look-up of the name [default: 10s]
    #[arg(long, value_name = "TIME")]
    pub(super) connect_timeout: Option<Time>,

    /// Print no head, no progress and no summary
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// The event loop to run on
    #[arg(short, long, value_name = "NAME", value_parser = PossibleValuesParser::new(backend::names()),
        default_value = backend::names().next())]
    pub(super) backend: Option<String>,

    #[command(flatten)]
    pub(super) tls: TlsFlags,
}

/// Methods are case-sensitive, and all that are registered are in upper case.
fn method(text: &str) -> Result<Method, String> {
    let method = Method::try_from(text.to_ascii_uppercase().as_str()).map_err(|error| error.to_string())?;
    if method == Method::CONNECT {
        return Err("a tunnel is nothing to print".into());
    }
    Ok(method)
}
