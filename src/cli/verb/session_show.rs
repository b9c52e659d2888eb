//! `floe session show ID`: one session, and what it holds.

use super::lease_list::leases;
use super::session_list::sessions;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::allocation::SessionId;
use crate::pure::protocol::allocation::{LeaseReport, SessionReport};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  floe session show 23d537452b6c304f";

/// Show one session and what it holds
///
/// Exits with 4 when there is none of that id.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The id of the session
    id: SessionId,
}

/// One session, whole.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    session: &'a SessionReport,
    held: Vec<LeaseReport>,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let sessions = sessions(link)?;
    let Some(session) = sessions.iter().find(|session| session.id == args.id) else {
        let hint = "`floe session list` shows all";
        return Err(Failing::not_found(format!("there is no session {}", args.id), hint));
    };
    let mut held = leases(link)?;
    held.retain(|lease| lease.session == args.id);
    let table = output.table_of(std::slice::from_ref(session));
    let below = if held.is_empty() {
        String::new()
    } else {
        format!("\n\n{}", output.table_of(&held))
    };
    output.value(&Whole { session, held }, |_| format!("{table}{below}"))?;
    Ok(Exit::Done)
}
