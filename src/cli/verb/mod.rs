//! One verb a file: its flags, the request that it makes, and what it prints of the answer.

pub(super) mod adapter_list;
pub(super) mod adapter_register;
pub(super) mod adapter_remove;
pub(super) mod adapter_show;
pub(super) mod allocate;
pub(super) mod app_apply;
mod app_apply_surplus;
pub(super) mod app_diff;
pub(super) mod app_history;
pub(super) mod app_import;
pub(super) mod app_list;
pub(super) mod app_remove;
pub(super) mod app_rollback;
pub(super) mod app_show;
pub(super) mod app_validate;
pub(super) mod completions;
pub(super) mod config_check;
pub(super) mod config_show;
pub(super) mod db_dump;
pub(super) mod db_info;
pub(super) mod db_load;
pub(super) mod db_verify;
pub(super) mod dev;
pub(super) mod dev_web;
pub(super) mod events;
pub(super) mod lease_explain;
pub(super) mod lease_list;
pub(super) mod node_drain;
pub(super) mod node_list;
pub(super) mod node_load;
pub(super) mod node_run;
pub(super) mod node_show;
pub(super) mod node_shutdown;
pub(super) mod object_add;
pub(super) mod object_find;
pub(super) mod object_list;
pub(super) mod peer_list;
pub(super) mod plugin_check;
pub(super) mod plugin_list;
pub(super) mod plugin_new;
pub(super) mod plugin_reload;
pub(super) mod registry_compare;
pub(super) mod registry_demote;
pub(super) mod registry_init;
pub(super) mod registry_lead;
pub(super) mod registry_list;
pub(super) mod registry_promote;
pub(super) mod registry_run;
pub(super) mod registry_show;
pub(super) mod resolve;
pub(super) mod server_command;
pub(super) mod server_explain;
pub(super) mod server_list;
pub(super) mod server_logs;
pub(super) mod server_show;
pub(super) mod server_signal;
pub(super) mod session_close;
pub(super) mod session_list;
pub(super) mod session_show;
pub(super) mod status;
pub(super) mod watch;

use super::args::{
    Adapter, App, Arguments, Config, Db, Lease, Node, Noun, Object, Peer, Plugin, Registry, Server, Session,
};
use super::{Connect, Exit, Failing, Output};

/// Runs the verb that was written. Only verbs that ask the grid connect.
pub(super) fn run(arguments: &Arguments, output: &mut Output<'_>, connect: Connect<'_>) -> Result<Exit, Failing> {
    let global = &arguments.global;
    let mut open = || connect(global);
    match &arguments.noun {
        Noun::Status(args) => status::run(args, &mut *open()?, output),
        Noun::Resolve(args) => resolve::run(args, &mut *open()?, output),
        Noun::Events(args) => events::run(args, &mut *open()?, output),
        Noun::Watch(args) => watch::run(args, &mut *open()?, output),
        Noun::App(App::Apply(args)) => app_apply::run(args, global, &mut open, output),
        Noun::App(App::Diff(args)) => app_diff::run(args, &mut open, output),
        Noun::App(App::Validate(args)) => app_validate::run(args, output),
        Noun::App(App::Import(args)) => app_import::run(args, output),
        Noun::App(App::List(args)) => app_list::run(args, &mut *open()?, output),
        Noun::App(App::Show(args)) => app_show::run(args, &mut *open()?, output),
        Noun::App(App::History(args)) => app_history::run(args, &mut *open()?, output),
        Noun::App(App::Rollback(args)) => app_rollback::run(args, global, &mut *open()?, output),
        Noun::App(App::Remove(args)) => app_remove::run(args, global, &mut *open()?, output),
        Noun::Server(Server::List(args)) => server_list::run(args, &mut *open()?, output),
        Noun::Server(Server::Show(args)) => server_show::run(args, &mut *open()?, output),
        Noun::Server(Server::Start(args)) => server_command::run(&args.server, args.verb(), &mut *open()?, output),
        Noun::Server(Server::Stop(args)) => server_command::run(&args.server, args.verb(), &mut *open()?, output),
        Noun::Server(Server::Restart(args)) => server_command::run(&args.server, args.verb(), &mut *open()?, output),
        Noun::Server(Server::Enable(args)) => server_command::run(&args.server, args.verb(), &mut *open()?, output),
        Noun::Server(Server::Disable(args)) => server_command::run(&args.server, args.verb(), &mut *open()?, output),
        Noun::Server(Server::Logs(args)) => server_logs::run(args, &mut *open()?, output),
        Noun::Server(Server::Signal(args)) => server_signal::run(args, &mut *open()?, output),
        Noun::Server(Server::Explain(args)) => server_explain::run(args, &mut *open()?, output),
        Noun::Adapter(Adapter::List(args)) => adapter_list::run(args, &mut *open()?, output),
        Noun::Adapter(Adapter::Show(args)) => adapter_show::run(args, &mut *open()?, output),
        Noun::Adapter(Adapter::Register(args)) => adapter_register::run(args, &mut *open()?, output),
        Noun::Adapter(Adapter::Remove(args)) => adapter_remove::run(args, &mut *open()?, output),
        Noun::Object(Object::List(args)) => object_list::run(args, &mut *open()?, output),
        Noun::Object(Object::Find(args)) => object_find::run(args, &mut *open()?, output),
        Noun::Object(Object::Add(args)) => object_add::add(args, &mut *open()?, output),
        Noun::Object(Object::Remove(args)) => object_add::remove(args, &mut *open()?, output),
        Noun::Allocate(args) => allocate::run(args, &mut *open()?, output),
        Noun::Session(Session::List(args)) => session_list::run(args, &mut *open()?, output),
        Noun::Session(Session::Show(args)) => session_show::run(args, &mut *open()?, output),
        Noun::Session(Session::Close(args)) => session_close::run(args, &mut *open()?, output),
        Noun::Lease(Lease::List(args)) => lease_list::run(args, &mut *open()?, output),
        Noun::Lease(Lease::Explain(args)) => lease_explain::run(args, &mut *open()?, output),
        Noun::Registry(Registry::Run(args)) => registry_run::run(args),
        Noun::Registry(Registry::Init(args)) => registry_init::run(args, &mut *open()?, output),
        Noun::Registry(Registry::List(args)) => registry_list::run(args, &mut *open()?, output),
        Noun::Registry(Registry::Show(args)) => registry_show::run(args, &mut *open()?, output),
        Noun::Registry(Registry::Promote(args)) => registry_promote::run(args, &mut *open()?, output),
        Noun::Registry(Registry::Demote(args)) => registry_demote::run(args, &mut *open()?, output),
        Noun::Registry(Registry::Lead(args)) => registry_lead::run(args, &mut *open()?, output),
        Noun::Node(Node::Run(args)) => node_run::run(args),
        Noun::Node(Node::List(args)) => node_list::run(args, &mut *open()?, output),
        Noun::Node(Node::Show(args)) => node_show::run(args, &mut *open()?, output),
        Noun::Node(Node::Load(args)) => node_load::run(args, &mut *open()?, output),
        Noun::Node(Node::Drain(args)) => node_drain::drain(args, &arguments.global, &mut *open()?, output),
        Noun::Node(Node::Undrain(args)) => node_drain::undrain(args, &mut *open()?, output),
        Noun::Node(Node::Shutdown(args)) => node_shutdown::run(args, &mut *open()?, output),
        Noun::Peer(Peer::List(args)) => peer_list::run(args, &mut *open()?, output),
        Noun::Plugin(Plugin::List(args)) => plugin_list::run(args, &mut *open()?, output),
        Noun::Plugin(Plugin::Reload(args)) => plugin_reload::run(args, global, &mut *open()?, output),
        Noun::Plugin(Plugin::Check(args)) => plugin_check::run(args, output),
        Noun::Plugin(Plugin::New(args)) => plugin_new::run(args, output),
        Noun::Config(Config::Check(args)) => config_check::run(args, output),
        Noun::Config(Config::Show(args)) => config_show::run(args, output),
        Noun::Registry(Registry::Compare(args)) => registry_compare::run(args, &mut open, output),
        Noun::Db(Db::Info(args)) => db_info::run(args, output),
        Noun::Db(Db::Dump(args)) => db_dump::run(args, output),
        Noun::Db(Db::Load(args)) => db_load::run(args, output),
        Noun::Db(Db::Verify(args)) => db_verify::run(args, output),
        Noun::Dev(args) => dev::run(args, output),
        Noun::DevWeb(args) => dev_web::run(args),
        Noun::Completions(args) => completions::run(args, output),
    }
}
