//! What the locator is asked, answered from a view: ids, types, adapters, objects, and how followed ids stand.

use super::asks::Parked;
use super::view::View;
use crate::pure::base::limits::{FRAME_BYTES_MAX, PART_BYTES_MAX};
use crate::pure::base::{AdapterId, ObjectId, ServerId};
use crate::pure::lineage::Serial;
use crate::pure::locator::find::{self, Finding};
use crate::pure::locator::resolve::{group_of, resolve};
use crate::pure::locator::{Resolution, ResolvedKind, ServerPlace, Wish, glance, locate};
use crate::pure::model::{Balance, ObjectHome};
use crate::pure::protocol::locate::{
    AdapterRow, Choose, Found, FoundRow, LOCATE_IDS_MAX, Location, ObjectRow, ROWS_MAX,
};
use crate::pure::protocol::quick::{plain_resolve, put_resolved};
use crate::pure::protocol::report::{Resolved, ServerState};
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::update::VersionText;
use crate::pure::protocol::{Request, Response};
use crate::pure::wire::encode;
use serde::Serialize;
use std::collections::BTreeSet;

/// What came of a look.
#[derive(Debug)]
pub(super) enum Sought {
    /// This is the answer.
    Answer(Response),
    /// These servers must be active first.
    Start {
        /// Never empty.
        servers: Vec<ServerPlace>,
        /// What is to be answered if they do not come in time.
        meanwhile: Option<Response>,
    },
    /// The database is not as new as was asked for; the answer if it does not become so in time.
    Behind(Response),
}

impl View {
    /// Appends the frame of the answer to a plain resolve, if that is one endpoint that is active now: what programs ask all
    /// day. What the id names; `None`, and nothing appended: it is to be asked as any other request.
    pub fn quick(&self, payload: &[u8], free: u64, frame: &mut Vec<u8>) -> Option<ResolvedKind> {
        let question = plain_resolve(payload)?;
        let (kind, endpoint) = glance(&self.deployment, self, &self.turns, question.id, free)?;
        let endpoints = std::iter::once(endpoint);
        put_resolved(frame, &question, kind, endpoints, &self.end_text, FRAME_BYTES_MAX).then_some(kind)
    }

    /// Resolves or finds. `turn` picks where the choice is free; round-robin groups count by themselves. `failed` servers are
    /// left alone.
    pub(super) fn seek(&self, request: &Request, turn: u64, failed: &[ServerId]) -> Sought {
        let at_least = match request {
            Request::Resolve { at_least, .. } | Request::Find { at_least, .. } => *at_least,
            _ => None,
        };
        if let Some(sought) = at_least.and_then(|wanted| self.is_not_as_new(wanted)) {
            return sought;
        }
        match request {
            Request::Resolve { id, count, .. } => self.seek_id(id, *count, turn, failed),
            Request::Find {
                kind, choose, after, ..
            } => self.seek_type(kind, *choose, after.as_deref(), (turn, failed)),
            _ => Sought::Answer(failed_with(
                ErrorCode::Invalid,
                "this is no question to the locator",
                "",
            )),
        }
    }

    /// What is to be said where this registry's log does not hold that entry of that epoch.
    fn is_not_as_new(&self, wanted: VersionText) -> Option<Sought> {
        let name = &self.card.name;
        if wanted.serial > self.end.serial {
            let message = format!("registry {name} is at {}, {wanted} was asked for", self.end);
            let hint = "ask another registry, or come again in a moment";
            return Some(Sought::Behind(failed_with(ErrorCode::Unavailable, message, hint)));
        }
        let epoch = self.epoch_of(wanted.serial).filter(|epoch| *epoch != wanted.epoch)?;
        let message = format!(
            "registry {name} holds another entry {} than was asked for: it is of epoch {epoch}, not {}",
            wanted.serial, wanted.epoch
        );
        let hint = "`floe status` and `floe registry list` show which registry holds what; ask without a version for what is deployed here";
        Some(Sought::Answer(failed_with(ErrorCode::Precondition, message, hint)))
    }

    fn epoch_of(&self, serial: Serial) -> Option<u64> {
        let reign = self.lineage.0.iter().rev().find(|reign| reign.first <= serial)?;
        Some(reign.epoch.number)
    }

    fn seek_id(&self, id: &str, count: Option<u32>, turn: u64, failed: &[ServerId]) -> Sought {
        let group = group_of(&self.deployment, id);
        loop {
            let counted = group.map(|group| self.turns.next(group));
            let wish = Wish {
                turn: counted.unwrap_or(turn),
                free: turn,
                count,
                failed,
                waiting: &[],
            };
            let resolution = resolve(&self.deployment, self, id, wish);
            if let (Some(group), Some(counted), Resolution::Found { .. }) = (group, counted, &resolution)
                && !self.turns.take(group, counted)
            {
                continue;
            }
            return self.sought(id, resolution);
        }
    }

    /// The same with a turn that was taken before.
    pub(super) fn seek_again(&self, parked: &Parked) -> Sought {
        let Parked {
            request,
            turn,
            failed,
            waiting,
            ..
        } = parked;
        let Request::Resolve { id, count, at_least } = request else {
            return self.seek(request, *turn, failed);
        };
        if let Some(sought) = at_least.and_then(|wanted| self.is_not_as_new(wanted)) {
            return sought;
        }
        let wish = Wish {
            turn: *turn,
            free: *turn,
            count: *count,
            failed,
            waiting,
        };
        self.sought(id, resolve(&self.deployment, self, id, wish))
    }

    /// Takes the turn of the group that the request is for; any number where it is for none.
    pub(super) fn take_turn(&self, request: &Request, free: u64) -> u64 {
        let Request::Resolve { id, .. } = request else {
            return free;
        };
        let Some(group) = group_of(&self.deployment, id) else {
            return free;
        };
        loop {
            let turn = self.turns.next(group);
            if self.turns.take(group, turn) {
                return turn;
            }
        }
    }

    fn sought(&self, id: &str, resolution: Resolution<'_>) -> Sought {
        let resolved = |kind, endpoints: Vec<&str>| {
            Response::Resolved(Resolved {
                id: id.to_owned(),
                kind,
                endpoints: endpoints.into_iter().map(str::to_owned).collect(),
                version: self.end.to_string(),
            })
        };
        match resolution {
            Resolution::Found { kind, endpoints } => Sought::Answer(resolved(kind, endpoints)),
            Resolution::Start {
                kind,
                servers,
                meanwhile,
            } => Sought::Start {
                servers,
                meanwhile: (!meanwhile.is_empty()).then(|| resolved(kind, meanwhile)),
            },
            Resolution::Unavailable { reason, hint, .. } => {
                Sought::Answer(failed_with(ErrorCode::Unavailable, reason, &hint))
            }
            Resolution::NotFound => Sought::Answer(no_such_id(id)),
        }
    }

    fn seek_type(&self, kind: &str, choose: Choose, after: Option<&str>, (turn, failed): (u64, &[ServerId])) -> Sought {
        let (finding, more) = match choose {
            Choose::Any => (find::any(&self.deployment, self, kind, turn, failed), false),
            Choose::LeastLoaded => (find::least_loaded(&self.deployment, self, kind, turn, failed), false),
            Choose::All => find::all(&self.deployment, self, kind, after, ROWS_MAX),
        };
        let found = match finding {
            Finding::Found(found) => found,
            Finding::Start(_, servers) => {
                return Sought::Start {
                    servers,
                    meanwhile: None,
                };
            }
            Finding::Unavailable(id, reason, hint) => {
                let message = format!("no object of type {} can be had; object {id}: {reason}", shown(kind));
                return Sought::Answer(failed_with(ErrorCode::Unavailable, message, &hint));
            }
            Finding::NotFound => {
                let message = format!("there is no object of type {}", shown(kind));
                let hint = "`floe object list` shows all objects with their types";
                return Sought::Answer(failed_with(ErrorCode::NotFound, message, hint));
            }
        };
        let objects = found.into_iter().map(|(id, endpoints)| FoundRow {
            id: id.to_string(),
            endpoints: endpoints.into_iter().map(str::to_owned).collect(),
        });
        let (objects, cut) = part_of(objects);
        Sought::Answer(Response::Found(Found {
            kind: kind.to_owned(),
            objects,
            more: more || cut,
            version: self.end.to_string(),
        }))
    }

    /// The active endpoints of an id, best first, without starting anything or taking a turn; `None` for one that nobody knows.
    pub fn active_endpoints(&self, id: &str) -> Option<Vec<String>> {
        let mut location = locate(&self.deployment, self, id, "");
        location.kind?;
        match location.balance {
            Balance::Ordered => location.places.sort_by_key(|place| place.priority),
            Balance::Adaptive => location.places.sort_by_key(|place| place.load),
            Balance::Random | Balance::RoundRobin => {}
        }
        Some(location.places.into_iter().map(|place| place.endpoint).collect())
    }

    /// How these ids stand.
    ///
    /// # Errors
    /// No id, or too many at once.
    pub fn locations(&self, ids: &[String]) -> Result<Vec<Location>, Failure> {
        if ids.is_empty() {
            return Err(Failure::new(
                ErrorCode::Invalid,
                "no id is named",
                "name what to follow",
            ));
        }
        if ids.len() > LOCATE_IDS_MAX {
            let message = format!(
                "{} ids are followed at once, at most {LOCATE_IDS_MAX} can be",
                ids.len()
            );
            let hint = "follow the rest with another request";
            return Err(Failure::new(ErrorCode::Invalid, message, hint));
        }
        let version = self.end.to_string();
        let locations = ids.iter().map(|id| locate(&self.deployment, self, id, &version));
        Ok(locations.collect())
    }

    /// All adapters, one, or the members of a group; those after `after`, as many as fit into an answer.
    pub(super) fn adapters(&self, id: Option<&str>, after: Option<&str>) -> Response {
        let Some(id) = id else {
            let deployed = self.deployment.adapters.keys();
            let ids: BTreeSet<&AdapterId> = deployed.chain(self.registered.entries.keys()).collect();
            let ids = ids
                .into_iter()
                .filter(|id| after.is_none_or(|after| id.as_str() > after));
            return self.adapter_rows(ids);
        };
        if let Some(row) = self.adapter_row(id) {
            return Response::Adapters(vec![row], false);
        }
        let deployed = self.deployment.groups.get(id).map(|(_, members)| members.clone());
        let registered = || Some(self.registered.groups.get(id)?.iter().cloned().collect());
        if let Some(members) = deployed.or_else(registered) {
            let told = after.and_then(|after| members.iter().position(|member| member.as_str() == after));
            return self.adapter_rows(members.iter().skip(told.map_or(0, |place| place + 1)));
        }
        let message = format!("there is no adapter or group {}", shown(id));
        failed_with(ErrorCode::NotFound, message, "`floe adapter list` shows all")
    }

    fn adapter_rows<'a>(&self, ids: impl Iterator<Item = &'a AdapterId>) -> Response {
        let rows = ids.filter_map(|id| self.adapter_row(id.as_str()));
        let (rows, more) = part_of(rows);
        Response::Adapters(rows, more)
    }

    /// One adapter, deployed or registered.
    pub(super) fn adapter_row(&self, id: &str) -> Option<AdapterRow> {
        let Some((adapter, server)) = self.deployment.adapters.get_key_value(id) else {
            let entry = self.registered.entries.get(id)?;
            return Some(AdapterRow {
                id: id.to_owned(),
                server: String::new(),
                node: String::new(),
                application: String::new(),
                group: entry
                    .registration
                    .group
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                state: ServerState::Active,
                endpoints: entry.registration.endpoints.clone(),
                registered_by: entry.actor.clone(),
            });
        };
        let placed = self.deployment.servers.get(server)?;
        let report = self.server_report(server, placed);
        let spec = placed.spec.adapters.iter().find(|spec| spec.id == *adapter)?;
        Some(AdapterRow {
            id: id.to_owned(),
            server: server.to_string(),
            node: placed.node.to_string(),
            application: placed.spec.application.to_string(),
            group: spec.group.as_ref().map(ToString::to_string).unwrap_or_default(),
            state: report.state,
            endpoints: report.endpoints.get(id).cloned().into_iter().collect(),
            registered_by: String::new(),
        })
    }

    /// Objects in order of ids.
    pub(super) fn objects(&self, kind: Option<&str>, after: Option<&str>) -> Response {
        let rows = |ids: &mut dyn Iterator<Item = &str>| {
            let (rows, more) = part_of(ids.filter_map(|id| self.object_row(id)));
            Response::Objects(rows, more)
        };
        if let Some(kind) = kind {
            let typed = self.deployment.types.get(kind).into_iter();
            rows(&mut typed.flat_map(|objects| objects.after(after)).map(ObjectId::as_str))
        } else {
            let all = self.deployment.all_objects.range_from(after.unwrap_or_default());
            rows(&mut all.map(|(id, _)| id.as_str()).filter(|id| Some(*id) != after))
        }
    }

    /// One object.
    pub(super) fn object_row(&self, id: &str) -> Option<ObjectRow> {
        let record = self.deployment.all_objects.get(id)?;
        let alone = self.deployment.objects.contains_key(id);
        let (adapter, group) = match &record.home {
            ObjectHome::Adapter(id) => (id.to_string(), String::new()),
            ObjectHome::Group(id) => (String::new(), id.to_string()),
        };
        let application = if alone { None } else { self.application_of(&record.home) };
        Some(ObjectRow {
            id: id.to_owned(),
            kind: record.kind.clone(),
            application: application.unwrap_or_default(),
            adapter,
            group,
        })
    }

    fn application_of(&self, home: &ObjectHome) -> Option<String> {
        let deployment = &self.deployment;
        let adapter = match home {
            ObjectHome::Adapter(id) => id,
            ObjectHome::Group(id) => {
                let owner = deployment
                    .contents
                    .iter()
                    .find(|(_, contents)| contents.groups.contains(id));
                return owner.map(|(name, _)| name.to_string());
            }
        };
        let placed = deployment.servers.get(deployment.adapters.get(adapter)?)?;
        Some(placed.spec.application.to_string())
    }
}

/// As many rows as fit into an answer, at least one, and whether there are more.
fn part_of<T: Serialize>(rows: impl Iterator<Item = T>) -> (Vec<T>, bool) {
    let (mut part, mut bytes) = (Vec::new(), 0);
    for row in rows {
        bytes += encode(&row).len();
        if !part.is_empty() && (part.len() == ROWS_MAX || bytes > PART_BYTES_MAX) {
            return (part, true);
        }
        part.push(row);
    }
    (part, false)
}

fn no_such_id(id: &str) -> Response {
    failed_with(
        ErrorCode::NotFound,
        format!("there is no adapter, group or object {}", shown(id)),
        "`floe adapter list` and `floe object list` show what there is",
    )
}

fn failed_with(code: ErrorCode, message: impl Into<String>, hint: &str) -> Response {
    Response::Failed(Failure::new(code, message, hint))
}

/// What somebody sent, quoted and bounded.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(80).collect();
    format!("{start:?}")
}

#[cfg(test)]
#[path = "finding_test.rs"]
mod tests;
