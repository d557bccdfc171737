//! The arguments of the program.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyloop::{Limits, Model, Timeouts};
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::backend;
use crate::flag::{Count, MaybeTime, Size, Time};
use crate::get::GetArgs;
use crate::listen::Listen;
use crate::secure::TlsFlags;

/// HTTP for any event loop, or none.
#[derive(Debug, clap::Parser)]
#[command(name = "anyloop", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Serve the demo application, or a directory, until Ctrl-C or SIGTERM
    Serve(Box<ServeArgs>),
    /// Send a request and print the answer, or download many addresses at once
    Get(Box<GetArgs>),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Sizes are bytes: 500, 64k, 2m, 16g. Times are 500ms, 30s, 5m, 1h.\n\
    SIGHUP loads certificates again. The first Ctrl-C or SIGTERM lets requests in progress finish, the second one stops at once.")]
pub(crate) struct ServeArgs {
    /// Listen on HOST:PORT or unix:PATH; port 0 lets the system choose. With https:// in front it is TLS, with http://
    /// it is not; without, it is when there is a certificate. May be given several times
    #[arg(short, long, value_name = "ADDR", default_value = "127.0.0.1:8888")]
    pub(crate) listen: Vec<Listen>,

    /// The event loop to run on
    #[arg(short, long, value_name = "NAME", value_parser = PossibleValuesParser::new(backend::names()),
        default_value = backend::names().next())]
    pub(crate) backend: Option<String>,

    /// How many worker threads there are [default: one for each core]
    #[arg(short, long, value_name = "N")]
    pub(crate) workers: Option<NonZeroUsize>,

    /// How connections are spread: an event loop for each worker, or one that all workers share
    #[arg(short, long, value_name = "MODEL", default_value_t,
        value_parser = PossibleValuesParser::new(["per-core", "stealing"]).try_map(|text| text.parse::<Model>()))]
    pub(crate) model: Model,

    /// Serve the files of this directory instead of the demo application
    #[arg(short, long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,

    /// With --root: put the routes of the demo application in front of the files
    #[arg(long, requires = "root")]
    pub(crate) demo: bool,

    /// Report handlers that block, panic or leave bodies unread, on stderr. ANYLOOP_DEBUG=1 does the same
    #[arg(long)]
    pub(crate) debug: bool,

    #[command(flatten)]
    pub(crate) tls: TlsFlags,

    #[command(flatten)]
    pub(crate) limits: LimitFlags,

    #[command(flatten)]
    pub(crate) timeouts: TimeoutFlags,
}

/// A flag for each field, with the field's own default.
macro_rules! flags {
    (
        $(#[$doc:meta])*
        $name:ident sets $target:ident under $heading:literal:
        $($(#[$help:meta])* $field:ident: $kind:ident,)*
    ) => {
        $(#[$doc])*
        #[derive(Debug, clap::Args)]
        #[command(next_help_heading = $heading)]
        pub(crate) struct $name {
            $(
                $(#[$help])*
                #[arg(long, value_name = $kind::NAME, default_value_t = $target::default().$field.into())]
                $field: $kind,
            )*
        }

        impl $name {
            pub(crate) fn apply(&self, target: &mut $target) {
                $(target.$field = self.$field.into();)*
            }
        }
    };
}

flags! {
    LimitFlags sets Limits under "Limits":
    /// Longest request target; a longer one is answered with 414
    max_target: Size,
    /// All bytes of a head after the request line; more: 431
    max_head: Size,
    /// Field lines of a head; more: 431
    max_fields: Count,
    /// Bytes of a trailer section; more: 431
    max_trailers: Size,
    /// Field lines of a trailer section; more: 431
    max_trailer_fields: Count,
    /// Extension bytes of one chunk; more: 400
    max_chunk_ext: Size,
    /// Extension bytes of all chunks of a body; more: 400
    max_chunk_ext_total: Size,
    /// A body that is gathered whole, such as JSON or a form; more: 413
    max_collect: Size,
    /// A streamed body; more: 413
    max_body: Size,
    /// Unanswered requests of one connection; then reading pauses
    max_pipelined: Count,
    /// Requests of one connection; the last answer announces the close
    max_requests: Count,
    /// Connections at once, at most 3/4 of the descriptor limit; then accepting pauses
    max_connections: Count,
    /// Body bytes that nobody wants and that are read to keep the connection; more: it closes
    drain_unread: Size,
}

flags! {
    TimeoutFlags sets Timeouts under "Timeouts":
    /// A TLS handshake; then a silent close
    handshake: Time,
    /// A whole request head, from accept or its first byte; then 408
    head: Time,
    /// Waiting for the next request; then a silent close
    idle: Time,
    /// Least bytes a second of a request body; slower: 408. 0 turns it off
    body_rate: Size,
    /// How long a body may be slower from its start
    body_grace: Time,
    /// How long a client may take nothing of an answer; then abort
    write_stall: Time,
    /// How long a closed connection is read on, so that the client gets the last bytes
    linger: Time,
    /// How long a shutdown waits for requests in progress
    drain: Time,
    /// How long after that until the rest is dropped
    kill: Time,
    /// How long a handler may take to begin its answer; then 503
    handler: MaybeTime,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    fn serve(args: &[&str]) -> ServeArgs {
        let args = Args::parse_from([&["anyloop", "serve"], args].concat());
        let Command::Serve(args) = args.command else { panic!("another command") };
        *args
    }

    #[test]
    fn the_arguments_are_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_flags_everything_is_the_default() {
        let args = serve(&[]);
        let (mut limits, mut timeouts) = (Limits::default(), Timeouts::default());
        args.limits.apply(&mut limits);
        args.timeouts.apply(&mut timeouts);
        assert_eq!((limits, timeouts), (Limits::default(), Timeouts::default()));
        assert_eq!(args.listen.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1:8888"]);
        assert_eq!((args.model, args.workers, args.root), (Model::PerCore, None, None));
        assert_eq!(args.backend.as_deref(), backend::names().next());
    }

    /// Takes every field apart, so that a new one without a flag does not compile or is missed here.
    #[test]
    fn every_limit_and_timeout_is_a_flag_in_kebab_case() {
        let fields = |debug: String| -> Vec<String> {
            let (_, fields) = debug.split_once('{').unwrap_or_default();
            let names = fields.split(',').filter_map(|field| field.split_once(": "));
            names.map(|(name, _)| format!("--{}", name.trim().replace('_', "-"))).collect()
        };
        let mut command = Args::command();
        let help = command.find_subcommand_mut("serve").map(|serve| serve.render_long_help().to_string());
        let help = help.unwrap_or_default();
        let mut limits = fields(format!("{:?}", Limits::default()));
        // A client's limit.
        limits.retain(|flag| flag != "--max-interim");
        let timeouts = fields(format!("{:?}", Timeouts::default()));
        assert_eq!((limits.len(), timeouts.len()), (13, 10));
        for flag in limits.iter().chain(&timeouts) {
            assert!(help.contains(&format!("{flag} <")), "{flag}");
        }
    }

    #[test]
    fn flags_set_their_fields() {
        let args = serve(&[
            "--max-target",
            "100",
            "--max-body=1g",
            "--idle",
            "2m",
            "--handler",
            "1s",
            "--body-rate=0",
        ]);
        let (mut limits, mut timeouts) = (Limits::default(), Timeouts::default());
        args.limits.apply(&mut limits);
        args.timeouts.apply(&mut timeouts);
        assert_eq!((limits.max_target, limits.max_body), (100, 1 << 30));
        assert_eq!((timeouts.idle.as_secs(), timeouts.body_rate), (120, 0));
        assert_eq!(timeouts.handler.map(|time| time.as_secs()), Some(1));
    }
}
