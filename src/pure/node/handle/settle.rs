//! The end of every event: answers, durable writes, reports to registries, gossip, the next wake-up. Each only if changed.

use crate::pure::base::Moment;
use crate::pure::base::limits::PART_BYTES_MAX;
use crate::pure::membership::{PeerKind, Record};
use crate::pure::node::config::OnStop;
use crate::pure::node::effect::Effect;
use crate::pure::node::state::{Node, Standing};
use crate::pure::protocol::Message;
use crate::pure::protocol::report::{Happening, ServerReport, ServerState};
use crate::pure::supervisor::Marks;
use crate::pure::wire;

/// How many readings of the load, one every 5 s, may go by untold: registries believe a load for 20 s.
const LOADS_UNTOLD_MAX: u32 = 3;

impl Node {
    pub(in crate::pure::node) fn settle(&mut self, moment: &Moment) -> Vec<Effect> {
        self.delete_removed();
        self.answer_waiters(moment);
        let asked_for = std::mem::take(&mut self.out);
        self.write_durable();
        // Registries hear of a change before anybody is told that his command did it.
        self.tell_registries(moment);
        self.out.extend(asked_for);
        self.remember_and_dial();
        self.publish();
        self.set_wake();
        self.finish();
        self.dirty = crate::pure::node::state::Dirty::default();
        std::mem::take(&mut self.out)
    }

    fn write_durable(&mut self) {
        if self.dirty.identity {
            self.out.push(Effect::Identity(Box::new(self.identity.clone())));
        }
        if self.dirty.slice {
            self.out.push(Effect::Slice(Box::new(self.slice.clone())));
        }
        if self.dirty.drained {
            self.out.push(Effect::Drained(self.drained.clone()));
        }
        if self.dirty.servers.is_empty() {
            return;
        }
        let said = self
            .servers
            .iter()
            .filter(|(_, server)| server.place != Standing::Removed);
        let marks = said.map(|(id, server)| (id.clone(), server.machine.marks()));
        let marks = marks.filter(|(_, marks)| *marks != Marks::default()).collect();
        if self.said.marks != marks {
            self.said.marks = marks;
            self.out.push(Effect::Marks(self.said.marks.clone()));
        }
    }

    /// A registry that is new to us hears everything, the others what changed, in order.
    fn tell_registries(&mut self, moment: &Moment) {
        let changed = self.changed_reports(moment);
        let status = self.status();
        let is_old = self.said.loads >= LOADS_UNTOLD_MAX;
        let status_changed = is_old || self.said.status.as_ref() != Some(&status);
        if status_changed {
            self.said.loads = 0;
        }
        self.said.status = Some(status.clone());
        let mut sends = Vec::new();
        for (peer, link) in &self.links {
            if link.kind != PeerKind::Registry {
                continue;
            }
            let whole = link.fresh || self.dirty.whole;
            let word = || (peer.clone(), Message::NodeStatus(Box::new(status.clone())));
            if link.fresh {
                sends.push(word());
            }
            let parts = if whole {
                whole_parts(self.reports())
            } else {
                change_parts(changed.clone())
            };
            sends.extend(parts.into_iter().map(|part| (peer.clone(), part)));
            // Behind the servers: who hears that a version is applied knows how its servers stand with it.
            if !link.fresh && (link.asked || status_changed) {
                sends.push(word());
            }
        }
        for (to, message) in sends {
            self.send(&to, message);
        }
        for link in self.links.values_mut() {
            link.fresh = false;
            link.asked = false;
        }
    }

    /// Reports that differ from what was told, each state change with its happening.
    fn changed_reports(&mut self, moment: &Moment) -> Vec<ServerReport> {
        let mut changed = Vec::new();
        for id in std::mem::take(&mut self.dirty.servers) {
            let Some(server) = self.servers.get(&id) else {
                self.happening(id.to_string(), "removed", String::new(), moment);
                continue;
            };
            let report = self.report(server);
            let told = server.told.as_ref();
            if told == Some(&report) {
                continue;
            }
            let before = told.map_or(ServerState::Inactive, |told| told.state);
            self.remember_change(&id, &report, moment);
            if before != report.state {
                self.happening(id.to_string(), report.state.as_str(), report.reason.clone(), moment);
            }
            if let Some(server) = self.servers.get_mut(&id) {
                server.told = Some(report.clone());
            }
            changed.push(report);
        }
        changed
    }

    fn happening(&mut self, name: String, state: &str, reason: String, moment: &Moment) {
        self.out.push(Effect::Happened(Box::new(Happening {
            time: moment.wall,
            subject: "server".to_owned(),
            name,
            state: state.to_owned(),
            reason,
            version: None,
        })));
    }

    fn remember_and_dial(&mut self) {
        if self.dirty.known {
            let remembered = self.remembered();
            self.out.push(Effect::Remember(remembered));
        }
        let targets = self.targets();
        if self.said.targets.as_ref() != Some(&targets) {
            self.said.targets = Some(targets.clone());
            self.out.push(Effect::Dial(targets));
        }
    }

    fn publish(&mut self) {
        let record = Record {
            card: self.config.card.clone(),
            role: None,
            standing: None,
            claim: None,
            version: self.slice.version,
            obeys: self.identity.promise,
            servers: Some(self.counts()),
        };
        if self.said.record.as_ref() != Some(&record) {
            self.said.record = Some(record.clone());
            self.out.push(Effect::Publish(Box::new(record)));
        }
    }

    fn set_wake(&mut self) {
        let machines = self
            .servers
            .values()
            .filter_map(|server| server.machine.deadline())
            .min();
        let next = [machines, self.next_waiter_deadline()].into_iter().flatten().min();
        if let Some(next) = next
            && self.said.wake != Some(next)
        {
            self.said.wake = Some(next);
            self.out.push(Effect::Wake(next));
        }
    }

    fn finish(&mut self) {
        if !self.closing || self.finished {
            return;
        }
        let runs = self.servers.values().any(|server| server.machine.has_process());
        if self.config.on_stop == OnStop::Leave || !runs {
            self.finished = true;
            self.out.push(Effect::Finished);
        }
    }
}

/// The whole state: the first part says that what is not in the parts is gone.
fn whole_parts(reports: Vec<ServerReport>) -> Vec<Message> {
    let mut groups = grouped(reports);
    if groups.is_empty() {
        groups.push(Vec::new());
    }
    let last = groups.len() - 1;
    let parts = groups.into_iter().enumerate().map(|(index, servers)| Message::Servers {
        first: index == 0,
        last: index == last,
        servers,
    });
    parts.collect()
}

fn change_parts(reports: Vec<ServerReport>) -> Vec<Message> {
    let parts = grouped(reports).into_iter().map(|servers| Message::Servers {
        first: false,
        last: true,
        servers,
    });
    parts.collect()
}

/// In order, each group as large as one part may be.
fn grouped(reports: Vec<ServerReport>) -> Vec<Vec<ServerReport>> {
    let mut groups: Vec<Vec<ServerReport>> = Vec::new();
    let mut room = 0;
    for report in reports {
        let size = wire::encode(&report).len();
        match groups.last_mut() {
            Some(group) if size <= room => group.push(report),
            _ => {
                groups.push(vec![report]);
                room = PART_BYTES_MAX;
            }
        }
        room = room.saturating_sub(size);
    }
    groups
}
