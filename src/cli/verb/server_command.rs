//! `floe server start|stop|restart|enable|disable ID`: one file, for they differ in a word.

use super::server_show::text_of;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::ServerId;
use crate::pure::protocol::request::Verb;
use crate::pure::protocol::{Request, Response};

macro_rules! command {
    ($name:ident, $examples:literal, $(#[$doc:meta])*) => {
        $(#[$doc])*
        #[derive(Debug, clap::Args)]
        #[command(after_help = $examples)]
        pub(in crate::cli) struct $name {
            /// The server
            pub(super) server: ServerId,
        }
        impl $name {
            pub(super) fn verb(&self) -> Verb {
                Verb::$name
            }
        }
    };
}

command!(
    Start,
    "Examples:\n  floe server start web-1\n  floe server start web-1 --timeout 60s",
    /// Start a server, whatever its activation; ends its back-off
);
command!(
    Stop,
    "Examples:\n  floe server stop web-1\n  floe server stop web-1 --timeout 60s",
    /// Stop a server; it stays stopped until somebody starts it
);
command!(
    Restart,
    "Examples:\n  floe server restart web-1\n  floe server restart web-1 --timeout 60s",
    /// Stop a server if it runs, then start it
);
command!(
    Enable,
    "Examples:\n  floe server enable web-1",
    /// Let a server run again
);
command!(
    Disable,
    "Examples:\n  floe server disable web-1",
    /// Keep a server from being started by anybody; a running process is left alone
);

pub(super) fn run(server: &ServerId, verb: Verb, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let request = Request::Command {
        server: server.clone(),
        verb,
    };
    let Response::Commanded(report) = link.get(request)? else {
        return Err(Failing::other_answer());
    };
    output.caution(link.caution());
    output.value(&*report, text_of)?;
    Ok(Exit::Done)
}
