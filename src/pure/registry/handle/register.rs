//! Registrations at run time: taken by any registry, told to the others, ended by time.

use super::super::effect::Effect;
use super::super::peer::Peer;
use super::super::state::Registry;
use super::pass::Asked;
use crate::pure::base::limits::PART_BYTES_MAX;
use crate::pure::base::{AdapterId, GroupId, Moment, PeerName, RegistrantId};
use crate::pure::locator::registration::{REGISTRATIONS_MAX, Register, Registration, RegistrationRow};
use crate::pure::locator::registrations::{Moved, Refused};
use crate::pure::model::Deployment;
use crate::pure::protocol::locate::Registered;
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Message, Response};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the other registries are to be told.
#[derive(Clone, Debug, Default)]
pub(in crate::pure::registry) struct Untold {
    /// Adapters whose registration is new or renewed.
    renewed: BTreeSet<AdapterId>,
    /// Registrations that were taken back.
    ended: Vec<RegistrationRow>,
}

impl Registry {
    /// A process registers or renews.
    pub(super) fn register(&mut self, asked: Asked, register: &Register, moment: &Moment, out: &mut Vec<Effect>) {
        let adapter = &register.registration.adapter;
        if let Some(failure) = self.protects(register) {
            return asked.fail(failure, out);
        }
        let moved = match self.registrations.register(register, &asked.actor, moment.now) {
            Ok(moved) => moved,
            Err(refused) => return asked.fail(refusal(adapter, refused), out),
        };
        self.untold.renewed.insert(adapter.clone());
        Self::registration_news(moved, "", moment, out);
        asked.answer(
            Response::Registered(Registered {
                id: adapter.to_string(),
                ttl_ms: register.ttl_ms,
                registry: self.name().to_string(),
                version: self.database.end().to_string(),
            }),
            out,
        );
    }

    /// A process takes its registration back, or an operator does.
    pub(super) fn unregister(
        &mut self,
        asked: Asked,
        adapter: &AdapterId,
        registrant: Option<RegistrantId>,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let row = self.registrations.row(adapter, moment.now);
        match self.registrations.unregister(adapter, registrant, moment.now) {
            Ok(moved) => {
                let there = moved.is_some();
                self.untold.renewed.remove(adapter);
                self.untold
                    .ended
                    .extend(row.map(|row| RegistrationRow { left_ms: 0, ..row }));
                Self::registration_news(moved, &format!("taken back by {}", asked.actor), moment, out);
                asked.answer(Response::Unregistered(there), out);
            }
            Err(refused) => asked.fail(refusal(adapter, refused), out),
        }
    }

    /// Another registry tells what it took.
    pub(super) fn heard_registrations(
        &mut self,
        from: &PeerName,
        rows: Vec<RegistrationRow>,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if !self.peers.get(from).is_some_and(Peer::is_registry) {
            return;
        }
        for row in rows.into_iter().take(REGISTRATIONS_MAX) {
            if row.left_ms > 0 && self.is_protected(&row.registration) {
                continue;
            }
            let by = if row.left_ms == 0 { "taken back" } else { "" };
            let moved = self.registrations.hear(row, moment.now);
            Self::registration_news(moved, by, moment, out);
        }
    }

    /// Everything that stands, for a registry that has just been linked.
    pub(super) fn tell_registrations(&self, to: &PeerName, moment: &Moment, out: &mut Vec<Effect>) {
        if self.peers.get(to).is_some_and(Peer::is_registry) {
            let rows = self.registrations.rows(moment.now);
            out.extend(messages(rows).into_iter().map(|message| Effect::Send {
                to: to.clone(),
                message,
            }));
        }
    }

    /// Ends every event: what is over goes, what was deployed meanwhile goes, and the others hear what is new.
    pub(super) fn settle_registrations(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let end = self.database.end().serial;
        if self.asks.looked_at != end {
            self.asks.looked_at = end;
            self.servers_moved(moment, out);
        }
        let deployment = self.database.deployment();
        if !Arc::ptr_eq(&self.followed, deployment) {
            self.followed = deployment.clone();
            self.turns.follow(&self.followed);
            self.drop_deployed(moment, out);
        }
        for moved in self.registrations.expire(moment.now) {
            Self::registration_news(Some(moved), "not renewed in time", moment, out);
        }
        let mut rows = std::mem::take(&mut self.untold.ended);
        let renewed = std::mem::take(&mut self.untold.renewed);
        rows.extend(
            renewed
                .iter()
                .filter_map(|adapter| self.registrations.row(adapter, moment.now)),
        );
        let messages = messages(rows);
        let registries = self.peers.values().filter(|peer| peer.linked && peer.is_registry());
        for peer in registries {
            out.extend(messages.iter().map(|message| Effect::Send {
                to: peer.card.name.clone(),
                message: message.clone(),
            }));
        }
    }

    /// An application that brings a name which a process has registered: refused, so that nobody is sent astray unawares.
    ///
    /// # Errors
    /// Which names, and what to do.
    pub(super) fn check_registered<'a>(&self, brings: impl IntoIterator<Item = &'a str>) -> Result<(), Failure> {
        let shown = self.registrations.shown();
        let taken = brings.into_iter().find_map(|id| {
            let by = shown.entries.get(id).map(|entry| entry.actor.clone());
            let group = shown.groups.get(id).and_then(|members| members.iter().next());
            let by = by.or_else(|| Some(shown.entries.get(group?)?.actor.clone()))?;
            Some((id.to_owned(), by))
        });
        let Some((id, by)) = taken else { return Ok(()) };
        let message = format!("id {id} is registered at run time by {by}; nothing was changed");
        let hint = format!("end that process, or `floe adapter remove {id}`, or choose another id");
        Err(Failure::new(ErrorCode::Precondition, message, hint))
    }

    /// A deployed name wins where both came at once.
    fn drop_deployed(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let entries = self.registrations.shown().entries.values();
        let lost: Vec<AdapterId> = entries
            .filter(|entry| self.is_protected(&entry.registration))
            .map(|entry| entry.registration.adapter.clone())
            .collect();
        for adapter in lost {
            if let Ok(moved) = self.registrations.unregister(&adapter, None, moment.now) {
                Self::registration_news(moved, "an application deploys that name now", moment, out);
            }
        }
    }

    /// Does an application deploy one of its names?
    fn is_protected(&self, registration: &Registration) -> bool {
        let deployment = self.database.deployment();
        let group = registration.group.as_ref();
        is_deployed(deployment, registration.adapter.as_str())
            || group.is_some_and(|group| is_deployed(deployment, group.as_str()))
    }

    /// Why a deployed name keeps it out.
    fn protects(&self, register: &Register) -> Option<Failure> {
        let deployment = self.database.deployment();
        let registration = &register.registration;
        let names = [
            Some(registration.adapter.as_str()),
            registration.group.as_ref().map(GroupId::as_str),
        ];
        let shown = self.registrations.shown();
        let adapter_is_group = shown.groups.contains_key(registration.adapter.as_str());
        let group_is_adapter = registration.group.as_ref();
        let group_is_adapter = group_is_adapter.is_some_and(|group| shown.entries.contains_key(group.as_str()));
        let hint = "register under another id";
        if adapter_is_group || group_is_adapter {
            let message = "the id is registered as a group and would be an adapter, or the other way round";
            return Some(Failure::new(ErrorCode::Precondition, message, hint));
        }
        let taken = names.into_iter().flatten().find(|name| is_deployed(deployment, name))?;
        let message = format!("id {taken} is deployed by an application, and only its servers offer it");
        Some(Failure::new(ErrorCode::Precondition, message, hint))
    }

    fn registration_news(moved: Option<Moved>, reason: &str, moment: &Moment, out: &mut Vec<Effect>) {
        let (entry, state) = match &moved {
            None => return,
            Some(Moved::Put(entry)) => (entry, "registered"),
            Some(Moved::Gone(entry)) => (entry, "unregistered"),
        };
        let reason = match state {
            "registered" => format!("{} by {}", entry.registration.endpoints.join(" "), entry.actor),
            _ => reason.to_owned(),
        };
        out.push(Effect::Happened(Box::new(Happening {
            time: moment.wall,
            subject: "adapter".to_owned(),
            name: entry.registration.adapter.to_string(),
            state: state.to_owned(),
            reason,
            version: None,
        })));
    }
}

fn is_deployed(deployment: &Deployment, id: &str) -> bool {
    deployment.adapters.contains_key(id)
        || deployment.groups.contains_key(id)
        || deployment.all_objects.contains_key(id)
        || deployment.allocatables.contains_key(id)
}

/// As few messages as hold them.
fn messages(rows: Vec<RegistrationRow>) -> Vec<Message> {
    let (mut messages, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for row in rows {
        let size = row.registration.size() + row.actor.len();
        if bytes + size > PART_BYTES_MAX && !part.is_empty() {
            messages.push(Message::Registrations {
                rows: std::mem::take(&mut part),
            });
            bytes = 0;
        }
        bytes += size;
        part.push(row);
    }
    if !part.is_empty() {
        messages.push(Message::Registrations { rows: part });
    }
    messages
}

fn refusal(adapter: &AdapterId, refused: Refused) -> Failure {
    match refused {
        Refused::Malformed(reason) => Failure::new(ErrorCode::Invalid, reason, "nothing was registered"),
        Refused::Taken { by, left } => Failure::new(
            ErrorCode::Precondition,
            format!(
                "adapter {adapter} is registered by another process ({by}) for {} s more",
                left.as_secs() + 1
            ),
            "wait until it has ended, take it over, or register under another id",
        ),
        Refused::Full => Failure::new(
            ErrorCode::Overloaded,
            format!("{REGISTRATIONS_MAX} adapters are registered already"),
            "deploy them, or let some end; `floe adapter list` shows them",
        ),
        Refused::Late => Failure::new(
            ErrorCode::Precondition,
            format!("a newer word of the same process about adapter {adapter} stands already"),
            "send a higher renewal number",
        ),
    }
}
