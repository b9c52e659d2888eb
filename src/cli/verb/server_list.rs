//! `floe server list`: all servers.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::ApplicationName;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe server list
  floe server list --application shop
  floe server list --format json";

/// List servers with their state, and the reason where it is a bad one
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Only those of this application
    #[arg(long, value_name = "NAME")]
    application: Option<ApplicationName>,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let request = Request::Servers {
        application: args.application.clone(),
    };
    let Response::Servers(rows) = link.get(request)? else {
        return Err(Failing::other_answer());
    };
    output.caution(link.caution());
    output.rows(&rows)?;
    Ok(Exit::Done)
}
