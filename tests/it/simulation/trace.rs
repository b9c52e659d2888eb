//! What happened in a run, in words: kept only when a failing run is repeated.

use super::core::{Effect, Event};
use floe::pure::node;
use floe::pure::protocol::Message;

/// The last lines are the interesting ones.
const LINES_MAX: usize = 4_000;

/// The lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    pub(super) on: bool,
    lines: std::collections::VecDeque<String>,
}

impl Trace {
    pub(super) fn say(&mut self, now: u64, text: impl FnOnce() -> String) {
        if !self.on {
            return;
        }
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines
            .push_back(format!("{:>9}.{:03} ms  {}", now / 1000, now % 1000, text()));
    }
    /// The last `count` lines.
    pub(super) fn tail(&self, count: usize) -> String {
        let skip = self.lines.len().saturating_sub(count);
        let lines: Vec<&str> = self.lines.iter().skip(skip).map(String::as_str).collect();
        lines.join("\n")
    }
}

/// An event in few words.
pub(super) fn event_words(event: &Event) -> String {
    match event {
        Event::Linked { card } => format!("linked {}", card.name),
        Event::Unlinked { peer, .. } => format!("unlinked {peer}"),
        Event::Unreachable { peer, address, .. } => format!("unreachable {peer:?} {address}"),
        Event::Message { from, message } => format!("{from} says {}", message_words(message)),
        Event::Members(_) => "gossip".to_owned(),
        Event::Cancelled { to } => format!("request {} is not waited for", to.0),
        Event::SetAside(_) => "its database is set aside".to_owned(),
        Event::Request { to, request, .. } => format!("request {} {request:?}", to.0),
        other => format!("{other:?}"),
    }
}

/// A message in few words.
pub(super) fn message_words(message: &Message) -> String {
    match message {
        Message::Status(status) => format!(
            "Status promise {} claim {:?} end {} {}",
            status.promise, status.claim, status.summary.end, status.standing
        ),
        Message::Promised { epoch, status } => {
            format!(
                "Promised {epoch} end {:?}",
                status.as_ref().map(|status| status.summary.end.to_string())
            )
        }
        Message::Follow { epoch, summary } => format!("Follow {epoch} end {}", summary.end),
        Message::Entries {
            epoch,
            previous,
            entries,
            ..
        } => {
            format!("Entries of {epoch} after {previous}: {}", entries.len())
        }
        Message::Have { epoch, version } => format!("Have {version} in {epoch}"),
        Message::Snapshot {
            version, offset, total, ..
        } => format!("Snapshot {version} from {offset} of {total}"),
        Message::Peers(cards) => format!("Peers {}", cards.len()),
        Message::Slice(part) => {
            let servers: Vec<&str> = part.servers.iter().map(|server| server.id.as_str()).collect();
            format!(
                "Slice {} of {} base {:?}: {servers:?} removals {:?}",
                part.version,
                part.epoch,
                part.base.map(|base| base.to_string()),
                part.removals
            )
        }
        Message::NodeStatus(report) => format!(
            "NodeStatus obeys {} applied {:?} unfit {}",
            report.obeys,
            report.applied.map(|applied| applied.to_string()),
            report.unfit
        ),
        Message::Servers { first, servers, .. } => {
            let states = servers.iter().map(|server| format!("{} {}", server.id, server.state));
            format!("Servers whole {first} {:?}", states.collect::<Vec<_>>())
        }
        other => format!("{other:?}"),
    }
}

/// An effect in few words; none for what is of no interest here.
pub(super) fn effect_words(effect: &Effect) -> Option<String> {
    Some(match effect {
        Effect::Identity(identity) => format!("writes promise {} role {:?}", identity.promise, identity.role),
        Effect::Commit(batch) => format!(
            "commits {:?}{}{}",
            batch
                .append
                .iter()
                .map(|entry| (entry.serial, entry.kind))
                .collect::<Vec<_>>(),
            batch
                .cut_after
                .map_or_else(String::new, |serial| format!(" cut after {serial}")),
            if batch.wipe { " wipe" } else { "" }
        ),
        Effect::Send { to, message } => format!("to {to}: {}", message_words(message)),
        Effect::Reply { to, response, .. } => format!("reply {} {response:?}", to.0),
        Effect::Happened(happening) => format!(
            "happened: {} {}: {}",
            happening.subject, happening.state, happening.reason
        ),
        Effect::Slice(slice) => {
            let servers = slice.servers.iter();
            let servers: Vec<String> = servers
                .map(|(id, placed)| format!("{id}{}", if placed.kept { " kept" } else { "" }))
                .collect();
            let version = slice.version.map(|version| version.to_string());
            format!(
                "writes slice {version:?} of {}: {servers:?} removed {:?}",
                slice.epoch, slice.removed
            )
        }
        Effect::Marks(marks) => format!("writes marks {marks:?}"),
        Effect::Process(act) => process_words(act)?,
        Effect::SetAside(aside) => format!("sets its database at {} aside", aside.version),
        Effect::Remember(_) | Effect::Publish(_) | Effect::Dial(_) | Effect::Wake(_) => return None,
    })
}

fn process_words(act: &node::Effect) -> Option<String> {
    Some(match act {
        node::Effect::Spawn { server, run, .. } => format!("spawns {server} {run:?}"),
        node::Effect::Terminate { server, run, .. } => format!("terminates {server} {run:?}"),
        node::Effect::Kill { server, run } => format!("kills {server} {run:?}"),
        node::Effect::Delete { server } => format!("deletes {server}"),
        node::Effect::Finished => "finished".to_owned(),
        _ => return None,
    })
}
