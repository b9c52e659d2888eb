//! Commands: given to a server's machine, then waited for until the server is as wanted, or the deadline.

use crate::pure::base::limits::{PENDING_RESOLVES_MAX, REQUEST_DEADLINE_MAX};
use crate::pure::base::{Moment, RunId, ServerId, Signal, Time};
use crate::pure::node::effect::{Asker, Effect};
use crate::pure::node::state::{Node, Standing};
use crate::pure::protocol::report::ServerState;
use crate::pure::protocol::request::Verb;
use crate::pure::protocol::{ErrorCode, Failure, Response};
use crate::pure::supervisor::{Event, Machine, Why};
use std::time::Duration;

/// What somebody wants of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pure::node) enum Order {
    /// A command of an operator.
    Verb(Verb),
    /// Somebody resolves one of its adapters.
    Activate,
}

/// Somebody who waits for a server.
#[derive(Clone, Debug)]
pub(in crate::pure::node) struct Waiter {
    pub(in crate::pure::node) asker: Asker,
    server: ServerId,
    order: Order,
    /// The process that a restart replaces.
    old: Option<RunId>,
    deadline: Time,
}

/// How an order stands.
enum Progress {
    Done,
    Waits,
    Failed(ErrorCode, String),
}

impl Node {
    pub(in crate::pure::node) fn order(
        &mut self,
        asker: Asker,
        server: &ServerId,
        order: Order,
        deadline: Duration,
        moment: &Moment,
    ) {
        if let Err(failure) = self.refuse_order(server, order) {
            return self.fail(&asker, failure);
        }
        let old = self.servers.get(server).and_then(|server| server.machine.run());
        if let (Order::Verb(Verb::Signal(signal)), Some(run)) = (order, old) {
            self.out.push(Effect::Signal {
                server: server.clone(),
                run,
                signal,
            });
        }
        let event = match order {
            // Nothing of its life changes by that; whether it ends of it will be seen.
            Order::Verb(Verb::Signal(_)) => Event::Timer,
            Order::Verb(Verb::Start) => Event::Start(Why::Operator),
            Order::Verb(Verb::Stop) => Event::Stop,
            Order::Verb(Verb::Restart) => Event::Restart,
            Order::Verb(Verb::Enable) => Event::Enable,
            Order::Verb(Verb::Disable) => Event::Disable,
            Order::Activate => Event::Start(Why::Demand),
        };
        self.server_event(server, event, moment);
        self.waiters.push(Waiter {
            asker,
            server: server.clone(),
            order,
            old: old.filter(|_| order == Order::Verb(Verb::Restart)),
            deadline: moment.now.after(deadline.min(REQUEST_DEADLINE_MAX)),
        });
    }

    /// What forbids an order from the start.
    fn refuse_order(&self, id: &ServerId, order: Order) -> Result<(), Failure> {
        let refusal = |code, message, hint: &str| Err(Failure::new(code, message, hint));
        let Some(server) = self.servers.get(id) else {
            return Err(self.no_such_server(id));
        };
        if self.closing {
            let name = &self.config.card.name;
            return refusal(ErrorCode::Unavailable, format!("node {name} is stopping"), "");
        }
        if server.place == Standing::Removed {
            return refusal(ErrorCode::NotFound, format!("server {id} was removed and is going"), "");
        }
        if self.waiters.len() >= PENDING_RESOLVES_MAX {
            return refusal(
                ErrorCode::Overloaded,
                "too many commands wait on this node".to_owned(),
                "retry",
            );
        }
        let starts = order.starts().is_some();
        let machine = &server.machine;
        if starts {
            let demand = order == Order::Activate;
            let code = if demand {
                ErrorCode::Unavailable
            } else {
                ErrorCode::Precondition
            };
            self.refuse_start(code)?;
            self.refuse_unheld(id, code)?;
        }
        if let Order::Verb(Verb::Signal(signal)) = order {
            return may_signal(id, machine, signal);
        }
        // An operator's start ends what failures disabled; a resolve does not.
        if order == Order::Activate && machine.marks().failed.is_some() && !machine.has_process() {
            let message = format!("server {id} is not started: {}", machine.reason());
            return refusal(ErrorCode::Unavailable, message, &format!("floe server enable {id}"));
        }
        if starts && !machine.marks().enabled && machine.state() != ServerState::Active {
            let hint = format!("floe server enable {id}");
            return refusal(ErrorCode::Precondition, format!("server {id} is disabled"), &hint);
        }
        if order == Order::Verb(Verb::Restart) && !machine.marks().enabled {
            let hint = format!("floe server enable {id}");
            return refusal(
                ErrorCode::Precondition,
                format!("server {id} is disabled: it would stop and not start again"),
                &hint,
            );
        }
        let idle = machine.state() == ServerState::Inactive;
        if order == Order::Activate && idle && !machine.spec().starts_on_use() {
            let hint = format!("floe server start {id}");
            let message = format!("server {id} is inactive and not started on demand");
            return refusal(ErrorCode::Unavailable, message, &hint);
        }
        Ok(())
    }

    /// Answers everybody whose server is as wanted, can no longer become so, or who waited long enough.
    pub(in crate::pure::node) fn answer_waiters(&mut self, moment: &Moment) {
        let mut waiting = Vec::new();
        for waiter in std::mem::take(&mut self.waiters) {
            let Some(server) = self.servers.get(&waiter.server) else {
                let message = format!("server {} was removed meanwhile", waiter.server);
                self.fail(&waiter.asker, Failure::new(ErrorCode::NotFound, message, ""));
                continue;
            };
            let held = (server.place == Standing::Held).then(|| self.held_reason(&waiter.server));
            match waiter.progress(&server.machine, held, moment.now) {
                Progress::Done => {
                    let report = Box::new(self.report(server));
                    self.answer(&waiter.asker, Response::Commanded(report));
                }
                Progress::Failed(code, message) => {
                    let hint = format!("floe server logs {}", waiter.server);
                    self.fail(&waiter.asker, Failure::new(code, message, hint));
                }
                Progress::Waits if self.closing => {
                    let message = format!("node {} is stopping", self.config.card.name);
                    self.fail(&waiter.asker, Failure::new(ErrorCode::Unavailable, message, ""));
                }
                Progress::Waits => waiting.push(waiter),
            }
        }
        self.waiters = waiting;
    }

    /// Who waits for a server to be started.
    pub(in crate::pure::node) fn starts_awaited(&self, id: &ServerId) -> Vec<Why> {
        let waiters = self.waiters.iter().filter(|waiter| waiter.server == *id);
        waiters.filter_map(|waiter| waiter.order.starts()).collect()
    }

    pub(in crate::pure::node) fn next_waiter_deadline(&self) -> Option<Time> {
        self.waiters.iter().map(|waiter| waiter.deadline).min()
    }
}

/// A signal needs a process and a name.
fn may_signal(id: &ServerId, machine: &Machine, signal: Signal) -> Result<(), Failure> {
    if machine.running().is_none() {
        let message = format!("server {id} is {} and has no process to signal", machine.state());
        return Err(Failure::new(
            ErrorCode::Precondition,
            message,
            format!("floe server show {id}"),
        ));
    }
    if !signal.is_named() {
        let message = format!("{signal} has no name and cannot be sent");
        return Err(Failure::new(
            ErrorCode::Invalid,
            message,
            "use a signal such as SIGHUP, SIGUSR1 or SIGTERM",
        ));
    }
    Ok(())
}

impl Waiter {
    /// `held`: why the server may not start yet.
    fn progress(&self, machine: &Machine, held: Option<String>, now: Time) -> Progress {
        let id = &self.server;
        if let Some(reason) = held.filter(|_| self.order.starts().is_some()) {
            if now < self.deadline {
                return Progress::Waits;
            }
            let message = format!("server {id} {reason}, which did not come about in time");
            return Progress::Failed(ErrorCode::TimedOut, message);
        }
        let wants_process = match self.order {
            Order::Verb(Verb::Enable | Verb::Disable | Verb::Signal(_)) => return Progress::Done,
            Order::Verb(Verb::Stop) => false,
            Order::Verb(Verb::Start | Verb::Restart) | Order::Activate => true,
        };
        let reason = match machine.reason() {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        let unavailable = || Progress::Failed(ErrorCode::Unavailable, format!("server {id} did not start{reason}"));
        match machine.state() {
            ServerState::Active if wants_process && machine.run() != self.old => return Progress::Done,
            ServerState::Inactive if !wants_process => return Progress::Done,
            ServerState::Inactive => return unavailable(),
            ServerState::BackingOff if wants_process => {
                // Who resolves may wait for the next try; an operator wants to hear of the failure.
                let next = machine.deadline().filter(|_| self.order == Order::Activate);
                if next.is_none_or(|next| next > self.deadline) {
                    return unavailable();
                }
            }
            ServerState::ActivationTimedOut if wants_process => {
                // To a resolve, a deadline that passed means that a longer one may help: here it does not.
                let code = match self.order {
                    Order::Activate => ErrorCode::Unavailable,
                    Order::Verb(_) => ErrorCode::TimedOut,
                };
                return Progress::Failed(code, format!("server {id} runs, but is{reason}"));
            }
            _ => (),
        }
        if now < self.deadline {
            return Progress::Waits;
        }
        let state = machine.state();
        let message = format!("the deadline passed while server {id} was {state}{reason}");
        Progress::Failed(ErrorCode::TimedOut, message)
    }
}
