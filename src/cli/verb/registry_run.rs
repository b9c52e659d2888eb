//! `floe registry run`: the registry daemon.

use crate::app::registry::{self, Wanted, Wishes};
use crate::cli::{Exit, Failing, daemon};
use crate::io::config::{self, Config, Flag, Kind, Overrides};
use crate::io::telemetry::logging;
use crate::pure::base::PeerName;
use crate::pure::membership::{PeerKind, Role};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe registry run --config /etc/floe/registry.toml
  floe registry run --config r2.toml --role replica
  floe registry run --config r1.toml --initdb-from-replica r2

A configuration that is not good ends it with 78 before any port opens; floe config check tells the same.";

/// Run a registry until it is told to stop
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", env = "FLOE_CONFIG", hide_env_values = true)]
    config: PathBuf,
    /// master or replica, instead of what the configuration says
    #[arg(long, value_name = "ROLE", value_parser = [Role::Master.as_str(), Role::Replica.as_str()])]
    role: Option<String>,
    /// Lead from now on, whatever the role was before; asks every peer first, and refuses if that would lose anything
    #[arg(long)]
    promote: bool,
    /// Lead although a registry that does not answer held more when it was last heard
    #[arg(long)]
    accept_loss: bool,
    /// Lead although a registry that answers holds more; its data stays untouched there
    #[arg(long)]
    force: bool,
    /// Look first: take no updates, lead and follow nobody, change nothing here or elsewhere; `floe registry show` tells how
    /// the other registries stand to this one
    #[arg(long, conflicts_with_all = ["promote", "accept_loss", "force", "initdb_from_replica"])]
    readonly: bool,
    /// Lead although too few of the other registries are in sight, until it stops
    #[arg(long, conflicts_with = "readonly")]
    alone: bool,
    /// Before anything else, replace the database by that of registry NAME; nothing happens where the own one holds all of
    /// it, or where an earlier start has done it
    #[arg(long, value_name = "NAME")]
    initdb_from_replica: Option<PeerName>,
    /// With --initdb-from-replica: also if what NAME holds is itself in doubt
    #[arg(long, requires = "initdb_from_replica")]
    from_unproven: bool,
    /// End when the process that started this one ends
    #[arg(long, hide = true)]
    with_parent: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failing> {
    let flags = args.role.iter().map(|role| Flag {
        flag: "--role".to_owned(),
        path: "registry.role",
        value: role.clone(),
    });
    let overrides = Overrides {
        flags: flags.collect(),
        kind: Some(PeerKind::Registry),
    };
    let config = config::load(&args.config, &overrides)?;
    if args.initdb_from_replica.as_ref() == Some(&config.peer.name) {
        return Err(Failing::usage(format!(
            "--initdb-from-replica {0}: {0} cannot be initialised from itself",
            config.peer.name
        )));
    }
    begin_log(&config)?;
    if args.with_parent {
        daemon::end_with_parent()?;
    }
    let wishes = Wishes {
        promote: args.promote,
        accept_loss: args.accept_loss,
        force: args.force,
        readonly: args.readonly,
        alone: args.alone,
        initdb: args.initdb_from_replica.clone().map(|from| Wanted {
            from,
            from_unproven: args.from_unproven,
        }),
    };
    let path = args.config.clone();
    let reread = move || match config::load(&path, &overrides).map(|config| config.kind) {
        Ok(Kind::Registry(section)) => Ok(section.allocation),
        Ok(Kind::Node(_)) => Err("the configuration is a node's now".to_owned()),
        Err(faults) => Err(faults.to_string().replace('\n', "; ")),
    };
    daemon::run(registry::run(config, wishes, Box::new(reread)))
}

/// Sets up the log and says in it what is allowed but should be known.
pub(super) fn begin_log(config: &Config) -> Result<(), Failing> {
    logging::init(&config.log).map_err(|error| Failing::internal(logging::Chain(&error).to_string()))?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    Ok(())
}
