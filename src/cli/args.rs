//! What can be written on the command line: noun, then verb. The flags of a verb stand in its file.

use super::output::Style;
use super::verb::{
    adapter_list, adapter_register, adapter_remove, adapter_show, allocate, app_apply, app_diff, app_history,
    app_import, app_list, app_remove, app_rollback, app_show, app_validate, completions, config_check, config_show,
    db_dump, db_info, db_load, db_verify, dev, dev_web, events, lease_explain, lease_list, node_drain, node_list,
    node_load, node_run, node_show, node_shutdown, object_add, object_find, object_list, peer_list, plugin_check,
    plugin_list, plugin_new, plugin_reload, registry_compare, registry_demote, registry_init, registry_lead,
    registry_list, registry_promote, registry_run, registry_show, resolve, server_command, server_explain, server_list,
    server_logs, server_show, server_signal, session_close, session_list, session_show, status, watch,
};
use crate::pure::base::Address;
use crate::pure::base::limits::REQUEST_DEADLINE_MAX;
use clap::{Args, Parser, Subcommand};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  floe registry run --config /etc/floe/registry.toml
  floe app apply shop.toml
  floe status
  floe resolve web

Exit codes:
  0 done   1 failed   2 wrong usage   3 differences, with --exit-code   4 not found   5 precondition failed
  6 nobody reachable   7 not allowed   8 done in part   9 timed out
  daemons also: 73 data cannot be created   75 data folder in use   77 permission   78 configuration";

/// Runs and finds servers on a fleet of machines
#[derive(Debug, Parser)]
#[command(name = "floe", version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) noun: Noun,
}

/// How long an answer may take, unless it is said.
const ANSWER: Duration = Duration::from_secs(10);
/// How long servers may take to be as wanted, unless it is said.
const WAIT: Duration = Duration::from_mins(1);

/// Flags of every verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every verb")]
pub struct Global {
    /// Any peer of the grid; repeat it for more, or separate them by commas
    #[arg(
        long = "peer",
        value_name = "HOST:PORT",
        env = "FLOE_PEERS",
        hide_env_values = true,
        value_delimiter = ',',
        default_value = "127.0.0.1:7401",
        global = true
    )]
    pub(super) peers: Vec<Address>,
    /// How results look: a table for people, JSON for programs
    #[arg(long, value_enum, default_value = "table", global = true)]
    pub(super) format: Style,
    /// How long to wait for an answer, connecting and retries included [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = timeout, global = true)]
    pub(super) timeout: Option<Duration>,
}

impl Global {
    /// The locator list.
    pub fn peers(&self) -> &[Address] {
        &self.peers
    }
    /// How long a call may take.
    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(ANSWER)
    }
    /// How long to wait for what comes of an update.
    pub(super) fn wait(&self) -> Duration {
        self.timeout.unwrap_or(WAIT)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Noun {
    Status(status::Args),
    Resolve(resolve::Args),
    Watch(watch::Args),
    Events(events::Args),
    /// Applications: what runs where
    #[command(subcommand)]
    App(App),
    /// Servers: the processes that nodes run
    #[command(subcommand)]
    Server(Server),
    /// Adapters: named sets of endpoints that servers and other processes offer
    #[command(subcommand)]
    Adapter(Adapter),
    /// Well-known objects: ids that live in an adapter or a replica group
    #[command(subcommand)]
    Object(Object),
    Allocate(allocate::Args),
    /// Sessions: clients that hold resources or wait for them
    #[command(subcommand)]
    Session(Session),
    /// Leases: which resource is held by whom, and why
    #[command(subcommand)]
    Lease(Lease),
    /// Registries: they hold the database and answer
    #[command(subcommand)]
    Registry(Registry),
    /// Nodes: they run servers
    #[command(subcommand)]
    Node(Node),
    /// Peers: registries and nodes, as gossip sees them
    #[command(subcommand)]
    Peer(Peer),
    /// Plugins: allocators that say who gets what
    #[command(subcommand)]
    Plugin(Plugin),
    /// Configuration files of daemons
    #[command(subcommand)]
    Config(Config),
    /// Databases of registries that do not run
    #[command(subcommand)]
    Db(Db),
    Dev(dev::Args),
    DevWeb(dev_web::Args),
    Completions(completions::Args),
}

#[derive(Debug, Subcommand)]
pub(super) enum App {
    Apply(app_apply::Args),
    Diff(app_diff::Args),
    Validate(app_validate::Args),
    Import(app_import::Args),
    List(app_list::Args),
    Show(app_show::Args),
    History(app_history::Args),
    Rollback(app_rollback::Args),
    Remove(app_remove::Args),
}

#[derive(Debug, Subcommand)]
pub(super) enum Server {
    List(server_list::Args),
    Show(server_show::Args),
    Start(server_command::Start),
    Stop(server_command::Stop),
    Restart(server_command::Restart),
    Enable(server_command::Enable),
    Disable(server_command::Disable),
    Logs(server_logs::Args),
    Signal(server_signal::Args),
    Explain(server_explain::Args),
}

#[derive(Debug, Subcommand)]
pub(super) enum Adapter {
    List(adapter_list::Args),
    Show(adapter_show::Args),
    Register(adapter_register::Args),
    Remove(adapter_remove::Args),
}

#[derive(Debug, Subcommand)]
pub(super) enum Object {
    List(object_list::Args),
    Find(object_find::Args),
    Add(object_add::Add),
    Remove(object_add::Remove),
}

#[derive(Debug, Subcommand)]
pub(super) enum Session {
    List(session_list::Args),
    Show(session_show::Args),
    Close(session_close::Args),
}

#[derive(Debug, Subcommand)]
pub(super) enum Lease {
    List(lease_list::Args),
    Explain(lease_explain::Args),
}

#[derive(Debug, Subcommand)]
pub(super) enum Registry {
    Run(registry_run::Args),
    List(registry_list::Args),
    Init(registry_init::Args),
    Show(registry_show::Args),
    Promote(registry_promote::Args),
    Demote(registry_demote::Args),
    Lead(registry_lead::Args),
    Compare(registry_compare::Args),
}

#[derive(Debug, Subcommand)]
pub(super) enum Db {
    Info(db_info::Args),
    Dump(db_dump::Args),
    Load(db_load::Args),
    Verify(db_verify::Args),
}

#[derive(Debug, Subcommand)]
pub(super) enum Node {
    Run(node_run::Args),
    List(node_list::Args),
    Show(node_show::Args),
    Load(node_load::Args),
    Drain(node_drain::Drain),
    Undrain(node_drain::Undrain),
    Shutdown(node_shutdown::Args),
}

#[derive(Debug, Subcommand)]
pub(super) enum Peer {
    List(peer_list::Args),
}

#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    List(plugin_list::Args),
    Reload(plugin_reload::Args),
    Check(plugin_check::Args),
    New(plugin_new::Args),
}

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    Check(config_check::Args),
    Show(config_show::Args),
}

/// A time as it is written on the command line: `15s`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let span = text.parse::<jiff::SignedDuration>().ok();
    span.and_then(|span| Duration::try_from(span).ok())
        .ok_or_else(|| "wants a time such as \"15s\"".to_owned())
}

fn timeout(text: &str) -> Result<Duration, String> {
    time(text)
        .ok()
        .filter(|span| !span.is_zero() && *span <= REQUEST_DEADLINE_MAX)
        .ok_or_else(|| format!("wants a time such as \"10s\" or \"500ms\", at most {REQUEST_DEADLINE_MAX:?}"))
}
