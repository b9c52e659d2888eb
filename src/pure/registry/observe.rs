//! What observers are told: everything as rows, then the rows that differ from one view to the next.
//!
//! State, not events: an observer that is slow misses what came and went meanwhile, never how things stand. Views share what
//! did not change, so a comparison costs what changed and not what is there.

use super::peer::NodeSight;
use super::view::{PeerView, View};
use crate::pure::base::limits::PART_BYTES_MAX;
use crate::pure::base::{AdapterId, GroupId, PeerName, ServerId};
use crate::pure::locator::Location;
use crate::pure::model::Balance;
use crate::pure::protocol::locate::{GroupRow, Observed, Position, ROWS_MAX, Row, RowChange, Subject};
use crate::pure::wire::encode;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How many changes are kept for observers that come back.
const CHANGES_KEPT: usize = 20_000;

/// One registry's stream of changes, since somebody first observed it.
#[derive(Debug)]
pub struct Stream {
    name: String,
    view: Arc<View>,
    /// The number of the latest change.
    sequence: u64,
    /// The latest changes, each with its number and the version of the database.
    changes: VecDeque<(u64, RowChange, String)>,
}

impl Stream {
    /// A stream that begins with this view. `name` tells one start of one registry from all others, see [`Position`].
    pub fn new(name: String, view: Arc<View>) -> Self {
        Self {
            name,
            view,
            sequence: 0,
            changes: VecDeque::new(),
        }
    }
    /// Where it stands.
    pub fn position(&self) -> Position {
        Position {
            stream: self.name.clone(),
            sequence: self.sequence,
        }
    }
    /// Goes on to a later view; true when something differs.
    pub fn advance(&mut self, view: Arc<View>) -> bool {
        let changes = changes(&self.view, &view);
        let version = view.end.to_string();
        self.view = view;
        let news = !changes.is_empty();
        for change in changes {
            self.sequence += 1;
            if self.changes.len() == CHANGES_KEPT {
                self.changes.pop_front();
            }
            self.changes.push_back((self.sequence, change, version.clone()));
        }
        news
    }
    /// Goes on to a later view without telling the difference: nobody observes. Nobody can go on from before it.
    pub fn skip_to(&mut self, view: Arc<View>) {
        self.view = view;
        self.sequence += 1;
        self.changes.clear();
    }

    /// What an observer at `after` lacks, of these subjects, in parts that fit into a frame; a snapshot where it has nothing
    /// or this stream does not reach back so far. Empty when it lacks nothing.
    pub fn parts(&self, subjects: &[Subject], after: Option<&Position>) -> Vec<Observed> {
        let oldest = self.changes.front().map_or(self.sequence, |(number, ..)| number - 1);
        let known =
            after.filter(|after| after.stream == self.name && (oldest..=self.sequence).contains(&after.sequence));
        let wanted = |subject: Subject| subjects.is_empty() || subjects.contains(&subject);
        let Some(after) = known else {
            return self.snapshot(wanted);
        };
        let late = self.changes.iter().skip_while(|(number, ..)| *number <= after.sequence);
        let mut parts = Parts::default();
        let mut latest = after.sequence;
        for (number, change, version) in late {
            latest = *number;
            if wanted(change.subject) {
                parts.push(change.clone(), *number, version);
            }
        }
        let mut parts = parts.finish();
        // Changes of other subjects are behind the observer as well.
        if let Some((_, number, _)) = parts.last_mut() {
            *number = latest;
        }
        let observed = parts.into_iter().map(|(changes, number, version)| Observed {
            position: Some(Position {
                stream: self.name.clone(),
                sequence: number,
            }),
            snapshot: false,
            first: false,
            changes,
            version,
        });
        observed.collect()
    }

    fn snapshot(&self, wanted: impl Fn(Subject) -> bool) -> Vec<Observed> {
        let version = self.view.end.to_string();
        let mut parts = Parts::default();
        for subject in Subject::ALL.into_iter().filter(|subject| wanted(*subject)) {
            for (id, row) in rows(&self.view, subject) {
                let row = Some(row);
                parts.push(RowChange { subject, id, row }, self.sequence, &version);
            }
        }
        let mut parts = parts.finish();
        if parts.is_empty() {
            parts.push((Vec::new(), self.sequence, version));
        }
        let last = parts.len() - 1;
        let observed = parts
            .into_iter()
            .enumerate()
            .map(|(place, (changes, _, version))| Observed {
                position: (place == last).then(|| self.position()),
                snapshot: true,
                first: place == 0,
                changes,
                version,
            });
        observed.collect()
    }
    /// The latest view.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }
}

/// Rows, cut into parts that fit into a frame.
#[derive(Default)]
struct Parts {
    full: Vec<(Vec<RowChange>, u64, String)>,
    part: (Vec<RowChange>, u64, String),
    bytes: usize,
}

impl Parts {
    fn push(&mut self, change: RowChange, number: u64, version: &str) {
        let size = encode(&change).len();
        if !self.part.0.is_empty() && (self.part.0.len() >= ROWS_MAX || self.bytes + size > PART_BYTES_MAX) {
            self.full.push(std::mem::take(&mut self.part));
            self.bytes = 0;
        }
        self.bytes += size;
        self.part.0.push(change);
        self.part.1 = number;
        version.clone_into(&mut self.part.2);
    }
    fn finish(mut self) -> Vec<(Vec<RowChange>, u64, String)> {
        if !self.part.0.is_empty() {
            self.full.push(self.part);
        }
        self.full
    }
}

/// Which of the followed ids stand otherwise than was told last.
pub fn moved(now: Vec<Location>, told: &mut BTreeMap<String, Location>) -> Vec<Location> {
    let news = |location: &Location, told: &Location| {
        let mut same_version = told.clone();
        same_version.version.clone_from(&location.version);
        same_version != *location
    };
    let moved: Vec<Location> = now
        .into_iter()
        .filter(|location| told.get(&location.id).is_none_or(|told| news(location, told)))
        .collect();
    for location in &moved {
        told.insert(location.id.clone(), location.clone());
    }
    moved
}

fn rows(view: &View, subject: Subject) -> Vec<(String, Row)> {
    let deployment = &view.deployment;
    match subject {
        Subject::Registry => {
            let rows = view.registry_rows().into_iter();
            rows.map(|row| (row.name.clone(), Row::Registry(row))).collect()
        }
        Subject::Node => {
            let rows = view.nodes().into_iter();
            rows.map(|row| (row.name.clone(), Row::Node(row))).collect()
        }
        Subject::Application => {
            let rows = view.applications().into_iter();
            rows.map(|row| (row.name.clone(), Row::Application(row))).collect()
        }
        Subject::Server => {
            let rows = deployment.servers.iter();
            rows.map(|(id, placed)| (id.to_string(), Row::Server(view.server_report(id, placed))))
                .collect()
        }
        Subject::Adapter => {
            let ids: BTreeSet<&AdapterId> = deployment
                .adapters
                .keys()
                .chain(view.registered.entries.keys())
                .collect();
            let rows = ids.into_iter();
            rows.filter_map(|id| Some((id.to_string(), Row::Adapter(view.adapter_row(id.as_str())?))))
                .collect()
        }
        Subject::Group => {
            let ids: BTreeSet<&GroupId> = deployment.groups.keys().chain(view.registered.groups.keys()).collect();
            let rows = ids.into_iter();
            rows.filter_map(|id| Some((id.to_string(), Row::Group(view.group_row(id)?))))
                .collect()
        }
        Subject::Object => {
            let rows = deployment.all_objects.keys();
            rows.filter_map(|id| Some((id.to_string(), Row::Object(view.object_row(id.as_str())?))))
                .collect()
        }
    }
}

/// The rows that differ.
fn changes(before: &View, after: &View) -> Vec<RowChange> {
    let mut out = Vec::new();
    for subject in [Subject::Registry, Subject::Node] {
        let then: BTreeMap<String, Row> = rows(before, subject).into_iter().collect();
        let now: BTreeMap<String, Row> = rows(after, subject).into_iter().collect();
        let ids: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        for id in ids {
            put(&mut out, subject, id, then.get(id).cloned(), now.get(id).cloned());
        }
    }
    let (old, new) = (&before.deployment, &after.deployment);
    for name in new.applications.changed_keys(&old.applications) {
        let row = |view: &View| view.application_row(name).map(Row::Application);
        put(&mut out, Subject::Application, name.as_str(), row(before), row(after));
    }
    let servers = moved_servers(before, after);
    let mut adapters: BTreeSet<AdapterId> = BTreeSet::new();
    for id in &servers {
        let row = |view: &View| Some(Row::Server(view.server_report(id, view.deployment.servers.get(id)?)));
        put(&mut out, Subject::Server, id.as_str(), row(before), row(after));
        let placed = [old.servers.get(id), new.servers.get(id)].into_iter().flatten();
        adapters.extend(placed.flat_map(|placed| placed.spec.adapters.iter().map(|adapter| adapter.id.clone())));
    }
    adapters.extend(new.adapters.changed_keys(&old.adapters).into_iter().cloned());
    let registered = after.registered.entries.changed_keys(&before.registered.entries);
    adapters.extend(registered.into_iter().cloned());
    for id in &adapters {
        let row = |view: &View| view.adapter_row(id.as_str()).map(Row::Adapter);
        put(&mut out, Subject::Adapter, id.as_str(), row(before), row(after));
    }
    let mut groups: BTreeSet<&GroupId> = new.groups.changed_keys(&old.groups).into_iter().collect();
    groups.extend(after.registered.groups.changed_keys(&before.registered.groups));
    for id in groups {
        let row = |view: &View| view.group_row(id).map(Row::Group);
        put(&mut out, Subject::Group, id.as_str(), row(before), row(after));
    }
    for id in new.all_objects.changed_keys(&old.all_objects) {
        let row = |view: &View| view.object_row(id.as_str()).map(Row::Object);
        put(&mut out, Subject::Object, id.as_str(), row(before), row(after));
    }
    out
}

fn put(out: &mut Vec<RowChange>, subject: Subject, id: &str, before: Option<Row>, after: Option<Row>) {
    if before != after {
        let (id, row) = (id.to_owned(), after);
        out.push(RowChange { subject, id, row });
    }
}

/// Servers that are deployed otherwise, or of which their node tells something else.
fn moved_servers(before: &View, after: &View) -> BTreeSet<ServerId> {
    let (old, new) = (&before.deployment.servers, &after.deployment.servers);
    let mut moved: BTreeSet<ServerId> = new.changed_keys(old).into_iter().cloned().collect();
    let names: BTreeSet<&PeerName> = before.peers.keys().chain(after.peers.keys()).collect();
    for name in names {
        let sight = |view: &View| view.peers.get(name).and_then(|peer: &PeerView| peer.node.clone());
        match (sight(before), sight(after)) {
            (None, None) => {}
            (Some(one), Some(two)) if Arc::ptr_eq(&one, &two) => {}
            (Some(one), Some(two)) => moved.extend(other_reports(&one, &two)),
            (Some(_), None) | (None, Some(_)) => {
                let there = after.deployment.by_node.get(name);
                moved.extend(there.into_iter().flat_map(|there| there.iter().cloned()));
            }
        }
    }
    moved
}

fn other_reports(one: &NodeSight, two: &NodeSight) -> Vec<ServerId> {
    let ids: BTreeSet<&ServerId> = one.servers.keys().chain(two.servers.keys()).collect();
    let differs = |id: &&ServerId| one.servers.get(*id) != two.servers.get(*id);
    ids.into_iter().filter(differs).cloned().collect()
}

impl View {
    /// One group, deployed or made by registrations.
    pub(super) fn group_row(&self, id: &GroupId) -> Option<GroupRow> {
        if let Some((group, members)) = self.deployment.groups.get(id) {
            let owner = self
                .deployment
                .contents
                .iter()
                .find(|(_, contents)| contents.groups.contains(id));
            return Some(GroupRow {
                id: id.to_string(),
                application: owner.map(|(name, _)| name.to_string()).unwrap_or_default(),
                balance: group.balance,
                count: group.count,
                members: members.iter().map(ToString::to_string).collect(),
            });
        }
        let members = self.registered.groups.get(id)?;
        Some(GroupRow {
            id: id.to_string(),
            application: String::new(),
            balance: Balance::Random,
            count: 0,
            members: members.iter().map(ToString::to_string).collect(),
        })
    }
}
