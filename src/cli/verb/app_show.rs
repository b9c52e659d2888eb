//! `floe app show NAME`: an application as it was written.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::ApplicationName;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe app show shop
  floe app show shop --revision 3
  floe app show shop --format json";

/// Show an application as it was written, as TOML that can be applied again
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The application
    name: ApplicationName,
    /// As it was at this revision; floe app history NAME lists them
    #[arg(long, value_name = "NUMBER")]
    revision: Option<u64>,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let name = args.name.clone();
    let request = match args.revision {
        None => Request::Application { name },
        Some(revision) => Request::Revision { name, revision },
    };
    let Response::Application(application) = link.get(request)? else {
        return Err(Failing::other_answer());
    };
    let text = toml::to_string(&*application)
        .map_err(|error| Failing::internal(format!("failed to write the application as TOML: {error}")))?;
    output.value(&*application, |_| text)?;
    Ok(Exit::Done)
}
