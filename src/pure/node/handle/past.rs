//! What a node remembers of its servers' lives, and how it explains one.

use crate::pure::base::{Moment, ServerId};
use crate::pure::model::Activation;
use crate::pure::node::effect::{Asker, Effect, WantedLog};
use crate::pure::node::state::{Node, Server, Standing};
use crate::pure::protocol::Response;
use crate::pure::protocol::node::{ExplainReport, Transition, Word};
use crate::pure::protocol::report::{LogReport, ServerReport, ServerState};
use crate::pure::protocol::request::Verb;
use crate::pure::supervisor::launch;

/// Most lines of standard error that an explanation holds.
const LINES_MAX: u32 = 1000;

impl Node {
    /// A report differs from the last one: what changed of the server's life is remembered.
    pub(in crate::pure::node) fn remember_change(&mut self, id: &ServerId, report: &ServerReport, moment: &Moment) {
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        let told = server.told.as_ref();
        let same = told.is_some_and(|told| {
            (told.state, told.enabled, &told.reason) == (report.state, report.enabled, &report.reason)
        });
        let idle = told.is_none() && report.state == ServerState::Inactive && report.reason.is_empty();
        if same || idle {
            return;
        }
        let found = told.is_none() && server.machine.running().is_some();
        let reason = if found && report.reason.is_empty() {
            "its node started again and found it running".to_owned()
        } else {
            report.reason.clone()
        };
        let transition = Transition {
            time: moment.wall,
            state: state_of(report),
            reason,
            // Who has just ended is meant by the reason.
            pid: report.pid.or_else(|| told?.pid),
            run: server.machine.run(),
        };
        server.past.add(transition);
        self.keep_past(id);
    }

    /// Whose order it was that keeps a server from running.
    pub(in crate::pure::node) fn remember_order(&mut self, id: &ServerId, verb: Verb, actor: &str, moment: &Moment) {
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        let word = Some(Word {
            by: actor.to_owned(),
            time: moment.wall,
        });
        match verb {
            Verb::Stop => server.past.stopped = word,
            Verb::Disable => server.past.disabled = word,
            Verb::Start | Verb::Restart | Verb::Enable | Verb::Signal(_) => return,
        }
        self.keep_past(id);
    }

    fn keep_past(&mut self, id: &ServerId) {
        if let Some(server) = self.servers.get(id) {
            self.out.push(Effect::Past {
                server: id.clone(),
                past: Box::new(server.past.clone()),
            });
        }
    }

    /// Why a server stands as it does. The end of its standard error is read first; the answer follows then.
    pub(in crate::pure::node) fn explain(&mut self, asker: Asker, id: &ServerId, lines: u32) {
        let Some(server) = self.servers.get(id) else {
            return self.fail(&asker, self.no_such_server(id));
        };
        let (report, spec) = (self.explanation(server), server.machine.spec().clone());
        self.explaining.insert(asker.clone(), report);
        let wanted = WantedLog {
            stderr: true,
            file: None,
            lines: lines.min(LINES_MAX),
            at: None,
        };
        self.out.push(Effect::ReadLogs {
            spec,
            wanted,
            to: asker,
        });
    }

    /// The logs were read for an explanation? Then it is complete.
    pub(in crate::pure::node) fn explained(&mut self, to: &Asker, result: &Result<LogReport, String>) -> bool {
        let Some(mut report) = self.explaining.remove(to) else {
            return false;
        };
        // A server that was never started has no output.
        report.stderr = result.as_ref().map(|logs| logs.text.clone()).unwrap_or_default();
        self.answer(to, Response::Explained(Box::new(report)));
        true
    }

    fn explanation(&self, server: &Server) -> ExplainReport {
        let machine = &server.machine;
        let (spec, marks) = (machine.spec(), machine.marks());
        let by = |word: &Option<Word>| {
            let word = word.as_ref();
            word.map_or_else(
                || "an operator".to_owned(),
                |word| format!("{}, at {}", word.by, word.time),
            )
        };
        let disabled = match (marks.enabled, marks.failed) {
            (false, _) => format!("by {}", by(&server.past.disabled)),
            (true, Some(failed)) => {
                let length = failed.period.map_or_else(
                    || "until it is enabled or started".to_owned(),
                    |period| format!("for {} s", period.as_secs_f64()),
                );
                format!(
                    "by {} failures in a row, at {}, {length}",
                    failed.failures, failed.since
                )
            }
            (true, None) => String::new(),
        };
        let stopped = if marks.stopped {
            format!("by {}", by(&server.past.stopped))
        } else {
            String::new()
        };
        let running = machine
            .running()
            .filter(|running| !launch::same_process(&running.spec, spec));
        let outdated = running.map_or_else(String::new, |running| {
            format!(
                "process {} runs by an older definition: {}",
                running.pid,
                running.spec.run.join(" ")
            )
        });
        ExplainReport {
            server: self.report(server),
            activation: activation_word(spec.activation).to_owned(),
            command: spec.run.clone(),
            outdated,
            disabled,
            stopped,
            held: self.held_back(server),
            transitions: server.past.transitions.iter().cloned().collect(),
            stderr: String::new(),
        }
    }

    /// What keeps the server from being started beside what is said of it alone.
    fn held_back(&self, server: &Server) -> String {
        let name = &self.config.card.name;
        if self.closing {
            return format!("node {name} is stopping");
        }
        if let Some(drained) = &self.drained {
            let order = &drained.order;
            return format!(
                "node {name} is drained by {}, at {}; `floe node undrain {name}`",
                order.by, order.time
            );
        }
        match server.place {
            Standing::Removed => "it was removed and is going".to_owned(),
            _ if server.machine.is_unheld() => "it runs only while a session holds it, and none does".to_owned(),
            _ => String::new(),
        }
    }
}

fn state_of(report: &ServerReport) -> String {
    let disabled = if report.enabled { "" } else { ", disabled" };
    format!("{}{disabled}", report.state)
}

fn activation_word(activation: Activation) -> &'static str {
    match activation {
        Activation::Manual => "manual",
        Activation::OnDemand => "on-demand",
        Activation::Always => "always",
        Activation::Session => "session",
    }
}
