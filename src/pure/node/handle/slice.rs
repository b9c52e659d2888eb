//! Slices, whole or as changes: parts in, servers put, changed, removed or kept.

use crate::pure::base::limits::SERVERS_PER_NODE_MAX;
use crate::pure::base::{Moment, PeerName, ServerId};
use crate::pure::model::ServerSpec;
use crate::pure::node::effect::Effect;
use crate::pure::node::handle::obey::Sender;
use crate::pure::node::slice::{Assembly, Placed};
use crate::pure::node::state::{Node, Server, Standing};
use crate::pure::protocol::message::SlicePart;
use crate::pure::protocol::report::Happening;
use crate::pure::supervisor::{Event, Machine, Marks, Why};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Node {
    /// One part. Judged by its epoch and database, whoever sends it; nothing is changed before the last one.
    pub(in crate::pure::node) fn slice_part(&mut self, from: &PeerName, part: SlicePart, moment: &Moment) {
        if self.closing {
            return;
        }
        let sender = Sender {
            peer: from,
            epoch: part.epoch,
            database: Some(part.database),
        };
        if let Some(code) = self.objection(sender) {
            // Said once a slice, not once a part.
            if part.first {
                self.refuse(sender, code, moment);
            }
            return;
        }
        self.promise(part.epoch);
        if part.first {
            self.assembly = Some(Assembly::new(from, &part));
        }
        let Some(mut assembly) = self.assembly.take().filter(|assembly| assembly.fits(from, &part)) else {
            return;
        };
        let last = part.last;
        let room = assembly.take(part);
        if room && !last {
            self.assembly = Some(assembly);
        } else if room && !self.fits(&assembly) {
            // The sender hears of it at once, and sends the whole.
            self.unfit = true;
            if let Some(link) = self.links.get_mut(from) {
                link.asked = true;
            }
        } else if !(room && self.apply(assembly, moment)) {
            let reason = format!("the slice of {from} holds more servers than a node may have; it was not applied");
            self.happened("node", self.config.card.name.to_string(), "refused", reason, moment);
        }
    }

    /// Changes fit only the very slice that they were made from; a whole one fits always.
    fn fits(&self, assembly: &Assembly) -> bool {
        let same_place = self.slice.epoch == assembly.epoch && self.slice.database == Some(assembly.database);
        assembly.base.is_none() || (same_place && self.slice.version == assembly.base)
    }

    /// Carries out a slice or changes that fit. False, and nothing is done, when the node would have too many servers.
    fn apply(&mut self, assembly: Assembly, moment: &Moment) -> bool {
        let late = self
            .slice
            .version
            .is_some_and(|applied| self.slice.epoch == assembly.epoch && assembly.version.serial < applied.serial);
        if late {
            return true;
        }
        let (servers, removed) = self.merged(&assembly);
        if servers.values().filter(|placed| !placed.kept).count() > SERVERS_PER_NODE_MAX {
            return false;
        }
        let reason = match assembly.base {
            None => format!("{} servers", servers.len()),
            Some(_) => format!(
                "{} servers, {} changed, {} removed",
                servers.len(),
                assembly.servers.len(),
                removed.len()
            ),
        };
        let is_news = assembly.base.is_none() || !assembly.servers.is_empty() || !removed.is_empty();
        self.unfit = false;
        self.slice.epoch = assembly.epoch;
        self.slice.database = Some(assembly.database);
        if self.slice.version != Some(assembly.version) {
            self.applied_since = Some(moment.wall);
        }
        self.slice.version = Some(assembly.version);
        self.slice.servers = servers;
        for (id, spec) in assembly.servers {
            self.list(id, spec, moment);
        }
        self.settle_held(moment);
        self.keep_unlisted();
        for id in removed {
            self.remove(&id, moment);
        }
        let doomed = self
            .servers
            .iter()
            .filter(|(_, server)| server.place == Standing::Removed);
        self.slice.removed = doomed.map(|(id, _)| id.clone()).collect();
        self.dirty.slice = true;
        let happening = self.happening_of("node", self.config.card.name.to_string(), "applied", reason, moment);
        // The past has room for a few things: a version that changes nothing here is none of them.
        if is_news {
            self.keep_event(&happening);
        }
        self.out.push(Effect::Happened(Box::new(happening)));
        true
    }

    /// The servers of the slice once the assembly is applied, and those that it removes.
    fn merged(&self, assembly: &Assembly) -> (BTreeMap<ServerId, Placed>, Vec<ServerId>) {
        let applied = assembly.version.serial;
        let listed = assembly.servers.iter().map(|(id, spec)| {
            let (spec, kept, held) = (spec.clone(), false, self.holds(assembly, id));
            (
                id.clone(),
                Placed {
                    spec,
                    applied,
                    kept,
                    held,
                },
            )
        });
        let mut servers: BTreeMap<ServerId, Placed> = listed.collect();
        let mut removed = Vec::new();
        for (id, placed) in &self.slice.servers {
            let removal = assembly.removals.get(id);
            if servers.contains_key(id) {
                // Listed already, above.
            } else if removal.is_some_and(|removal| *removal > placed.applied) {
                removed.push(id.clone());
            } else if assembly.base.is_some() && !placed.kept && removal.is_none() {
                // Not among the changes: the slice of this version lists it as it is.
                let placed = Placed {
                    applied,
                    held: self.holds(assembly, id),
                    ..placed.clone()
                };
                servers.insert(id.clone(), placed);
            } else {
                let placed = Placed {
                    kept: true,
                    held: None,
                    ..placed.clone()
                };
                servers.insert(id.clone(), placed);
            }
        }
        (servers, removed)
    }

    /// Puts a listed server: new, changed, or back before its removal was done.
    fn list(&mut self, id: ServerId, spec: Arc<ServerSpec>, moment: &Moment) {
        let held = self.slice.servers.get(&id).is_some_and(|placed| placed.held.is_some());
        if held {
            return self.hold(&id, &spec, moment);
        }
        self.dirty.servers.insert(id.clone());
        let event = if let Some(server) = self.servers.get_mut(&id) {
            match std::mem::replace(&mut server.place, Standing::Listed) {
                Standing::Removed => Event::Reopen(spec),
                Standing::Listed | Standing::Kept => Event::Respec(spec),
                Standing::Held => return self.release(&id, spec, moment),
            }
        } else {
            let machine = Machine::new(spec, self.host.clone(), Marks::default());
            self.servers.insert(id.clone(), Server::new(machine, Standing::Listed));
            Event::Start(Why::Always)
        };
        self.server_event(&id, event, moment);
    }

    /// Servers that are neither listed nor removed go on, and say so.
    fn keep_unlisted(&mut self) {
        for (id, _) in self.slice.servers.iter().filter(|(_, placed)| placed.kept) {
            if let Some(server) = self.servers.get_mut(id) {
                server.place = Standing::Kept;
                self.dirty.servers.insert(id.clone());
            }
        }
    }

    /// Stops a removed server; its directory goes when its process is gone, see `settle`.
    fn remove(&mut self, id: &ServerId, moment: &Moment) {
        if let Some(server) = self.servers.get_mut(id) {
            server.place = Standing::Removed;
            self.dirty.servers.insert(id.clone());
        }
        self.server_event(id, Event::Close, moment);
    }

    pub(in crate::pure::node) fn happened(
        &mut self,
        subject: &str,
        name: String,
        state: &str,
        reason: String,
        moment: &Moment,
    ) {
        let happening = self.happening_of(subject, name, state, reason, moment);
        self.keep_event(&happening);
        self.out.push(Effect::Happened(Box::new(happening)));
    }

    fn happening_of(&self, subject: &str, name: String, state: &str, reason: String, moment: &Moment) -> Happening {
        Happening {
            time: moment.wall,
            subject: subject.to_owned(),
            name,
            state: state.to_owned(),
            reason,
            version: self.slice.version.map(|version| version.to_string()),
        }
    }
}
