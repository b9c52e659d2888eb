//! `floe dev-web`: the server of the sample application.

use crate::cli::{Exit, Failing, daemon, dev};

const EXAMPLES: &str = "\
Examples:
  floe dev-web --listen 127.0.0.1:8080 --name web-1";

/// A web server that says its name, for the sample application of floe dev
#[derive(Debug, clap::Args)]
#[command(hide = true, after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Where to listen
    #[arg(long, value_name = "HOST:PORT")]
    listen: String,
    /// What to say
    #[arg(long, value_name = "NAME", default_value = "web")]
    name: String,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failing> {
    daemon::run(dev::web::serve(&args.listen, &args.name))
}
