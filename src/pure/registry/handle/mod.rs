//! Event and time in, new state and effects out. One file a kind of event.

mod acknowledge;
mod allocate;
mod beat;
mod candidacy;
mod conditions;
mod copy;
mod explain_lease;
mod feed;
mod follow;
mod hand_over;
mod init;
mod ledger;
mod meet;
mod moves;
mod object;
mod order;
mod pass;
mod peers;
mod prove;
mod refuse;
mod register;
mod resolve;
mod review;
mod rollback;
mod serve;
mod session;
mod settle;
mod sight;
mod slices;
mod source;
mod survey;
mod swap;
mod tell;
mod tenures;
mod update;

pub(super) use ledger::Incoming;
pub(super) use prove::Proving;
pub(super) use register::Untold;

use super::effect::Effect;
use super::event::Event;
use super::state::Registry;
use crate::pure::base::{Moment, PeerName};
use crate::pure::protocol::update::Conditions;
use crate::pure::protocol::{Message, Request, Response};

impl Registry {
    /// Handles one event. The effects are to be carried out as `effect` says: what is durable first.
    pub fn handle(&mut self, event: Event, moment: &Moment) -> Vec<Effect> {
        let mut out = Vec::new();
        self.now = moment.now;
        match event {
            Event::Started => self.started(moment, &mut out),
            Event::Linked { card } => self.linked(card, moment, &mut out),
            Event::Unlinked { peer, reason } => self.unlinked(&peer, &reason, moment, &mut out),
            Event::Unreachable { peer, address, reason } => {
                self.unreachable(peer.as_ref(), &address, &reason, moment, &mut out);
            }
            Event::Message { from, message } => self.message(&from, *message, moment, &mut out),
            Event::Members(changes) => self.members(changes, moment, &mut out),
            Event::Request {
                to,
                actor,
                deadline,
                request,
            } => {
                let asked = pass::Asked {
                    to,
                    actor,
                    until: moment.now.after(deadline),
                };
                self.request(asked, *request, moment, &mut out);
            }
            Event::Cancelled { to } => self.cancelled(to),
            Event::SetAside(outcome) => self.set_aside(outcome, moment, &mut out),
            Event::Wake => self.woken(moment, &mut out),
        }
        self.settle(moment, &mut out);
        out
    }

    fn message(&mut self, from: &PeerName, message: Message, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(peer) = self.peers.get_mut(from).filter(|peer| peer.linked) else {
            return;
        };
        peer.heard = Some(moment.now);
        match message {
            Message::Peers(cards) => self.told_of(cards),
            Message::Status(status) => {
                self.heard_status(from, *status, moment, out);
                self.source_told(from, moment, out);
            }
            Message::Survey => out.push(Effect::Send {
                to: from.clone(),
                message: Message::Status(Box::new(self.status())),
            }),
            Message::Prepare { epoch, database } => self.asked_to_promise(from, epoch, database, moment, out),
            Message::Promised { epoch, status } => {
                self.promised(from, epoch, status.map(|status| *status), moment, out);
            }
            Message::Declined { epoch, promise } => self.declined(from, epoch, promise, moment, out),
            Message::Refusal {
                epoch,
                code,
                promise,
                text,
            } => self.refused(from, epoch, code, promise, text, moment, out),
            Message::Follow { epoch, summary } => self.asked_to_feed(from, epoch, &summary, moment, out),
            Message::Have { epoch, version } => self.follower_has(from, epoch, version, moment, out),
            Message::SnapshotNext { epoch, version, offset } => {
                self.follower_wants(from, epoch, version, offset, moment, out);
            }
            Message::Entries {
                epoch,
                previous,
                previous_digest,
                entries,
            } => {
                self.fed(from, epoch, (previous, previous_digest), entries, moment, out);
            }
            Message::Snapshot {
                epoch,
                version,
                offset,
                total,
                digest,
                bytes,
            } => {
                let part = follow::Part {
                    version,
                    offset,
                    total,
                    digest,
                    bytes,
                };
                self.fed_snapshot(from, epoch, part, moment, out);
            }
            Message::CopyWanted { id, offset, again } => self.copy_wanted(from, id, offset, again, moment, out),
            Message::Copy(part) => self.copied(from, *part, moment, out),
            Message::CopyDenied { id, reason } => self.copy_denied(from, id, &reason, moment, out),
            Message::NodeStatus(report) => self.heard_node(from, *report, moment, out),
            Message::Servers { first, last, servers } => self.heard_servers(from, (first, last), servers, moment, out),
            Message::Contact { asks } => Self::contacted(from, asks, out),
            Message::HandOver { epoch } => self.asked_to_hand_over(from, epoch, moment, out),
            Message::HandedOver { epoch, version } => self.handed_over(from, epoch, version, moment, out),
            Message::HandOverEnded { epoch } => self.hand_over_ended(from, epoch, moment, out),
            Message::Answer { id, response } => self.answered(from, id, *response, moment, out),
            Message::Allocations(part) => self.heard_allocations(from, *part, moment, out),
            Message::AllocationsHeld { epoch, mark } => self.follower_holds(from, epoch, mark, moment, out),
            Message::AllocationsBeat { epoch, beat } => self.heard_beat(from, epoch, beat, out),
            Message::AllocationsBeatHeard { epoch, beat } => self.beat_heard(from, epoch, beat, moment, out),
            Message::AllocationsWanted { epoch } => self.allocations_wanted(from, epoch, out),
            Message::Registrations { rows } => self.heard_registrations(from, rows, moment, out),
            // For nodes only.
            Message::Slice(_) | Message::Tenures { .. } | Message::Ask { .. } => {}
        }
    }

    fn request(&mut self, asked: pass::Asked, request: Request, moment: &Moment, out: &mut Vec<Effect>) {
        if let Err(failure) = self.review_allows(&request) {
            return asked.fail(failure, out);
        }
        match request {
            Request::Registry => asked.answer(Response::Registry(Box::new(self.report_of_registry())), out),
            Request::Promote {
                dry_run,
                accept_loss,
                force,
            } => {
                let wanted = order::Wanted {
                    dry_run,
                    accept_loss,
                    force,
                };
                self.promote(&asked, wanted, moment, out);
            }
            Request::Demote { force } => self.demote(&asked, force, moment, out),
            Request::LeadAlone => self.lead_alone(&asked, moment, out),
            Request::Apply {
                application,
                if_revision,
                request,
            } => {
                self.apply(asked, application, at_revision(if_revision), request, moment, out);
            }
            Request::Update {
                change,
                conditions,
                request,
            } => self.update(asked, change, conditions, request, moment, out),
            Request::Forecast { change } => self.forecast(&asked, change, out),
            Request::History { name } => self.history(&asked, &name, out),
            Request::Revision { name, revision } => self.revision(&asked, &name, revision, out),
            Request::PlanRollback { name, to } => self.plan_rollback(&asked, &name, to, out),
            Request::Rollback {
                name,
                to,
                if_revision,
                request,
            } => self.roll_back(asked, (&name, to), at_revision(if_revision), request, moment, out),
            Request::Remove { name, request } => {
                self.remove(asked, &name, Conditions::default(), request, moment, out);
            }
            Request::RemoveAt {
                name,
                revision,
                request,
            } => self.remove(asked, &name, at_revision(Some(revision)), request, moment, out),
            Request::Initialise { from, from_unproven } => self.initialise(asked, from, from_unproven, moment, out),
            Request::Command { server, verb } => {
                self.pass(asked, &server.clone(), Request::Command { server, verb }, moment, out);
            }
            Request::Logs { ref server, .. } | Request::Usage { ref server } => {
                self.pass(asked, &server.clone(), request, moment, out);
            }
            Request::Explain { server, lines } => {
                self.pass(asked, &server.clone(), Request::Explain { server, lines }, moment, out);
            }
            Request::Node { ref name } => self.pass_to_node(asked, &name.clone(), request, moment, out),
            Request::Drain { ref node, .. } | Request::Undrain { ref node } | Request::StopNode { ref node, .. } => {
                self.pass_to_node(asked, &node.clone(), request, moment, out);
            }
            Request::Resolve { .. } | Request::Find { .. } => self.resolve(asked, request, moment, out),
            Request::PutObject { object, request } => self.put_object(asked, object, request, moment, out),
            Request::RemoveObject { id, request } => self.remove_object(asked, &id, request, moment, out),
            Request::OpenSession { secret, name, ttl_ms } => {
                self.open_session(&asked, secret, name, ttl_ms, moment, out);
            }
            Request::RenewSession { secret } => self.renew_session(&asked, secret, moment, out),
            Request::CloseSession { secret } => self.close_session(&asked, secret, moment, out),
            Request::EndSession { id } => self.end_session(&asked, id, moment, out),
            Request::Sessions { after } => asked.answer(self.session_rows(after, moment), out),
            Request::Leases { after } => asked.answer(self.lease_rows(after.as_deref(), moment), out),
            Request::Allocate(allocate) => self.allocate(asked, *allocate, moment, out),
            Request::Withdraw { secret, request } => self.withdraw(&asked, secret, request, moment, out),
            Request::Release {
                secret,
                resource,
                token,
            } => self.release(&asked, secret, &resource, token, moment, out),
            Request::Probe { wish } => self.probe(&asked, &wish, moment, out),
            Request::ExplainLease { resource } => asked.answer(self.explain_lease(&resource), out),
            Request::Plugins => asked.answer(Response::Plugins(self.config.allocator.plugins()), out),
            Request::ReloadPlugins { name } => asked.answer(self.reload_plugins(name.as_deref()), out),
            Request::Register(register) => self.register(asked, &register, moment, out),
            Request::Unregister { adapter, registrant } => self.unregister(asked, &adapter, registrant, moment, out),
            read => self.read(asked, &read, out),
        }
    }
}

fn at_revision(if_revision: Option<u64>) -> Conditions {
    Conditions {
        if_revision,
        ..Conditions::default()
    }
}
