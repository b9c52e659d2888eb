//! The history of applications for operators: shown by any registry, rolled back by the master.
//!
//! These questions are rare and come to the registry's loop, so the readers' view need not carry the history.

use super::super::effect::Effect;
use super::super::query::invalid;
use super::super::state::Registry;
use super::pass::Asked;
use crate::pure::base::{ApplicationName, Moment, RequestId};
use crate::pure::model::{Application, ApplicationRecord};
use crate::pure::protocol::Response;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::update::Conditions;

impl Registry {
    /// Tells every revision that is kept.
    pub(super) fn history(&self, asked: &Asked, name: &ApplicationName, out: &mut Vec<Effect>) {
        let rows = self.database.history().rows(name, self.in_force(name));
        if rows.is_empty() {
            return asked.fail(unknown(name), out);
        }
        asked.answer(Response::History(rows), out);
    }

    /// Tells an application as it was.
    pub(super) fn revision(&self, asked: &Asked, name: &ApplicationName, revision: u64, out: &mut Vec<Effect>) {
        match self.content(name, revision) {
            Ok(application) => asked.answer(Response::Application(Box::new(application)), out),
            Err(failure) => asked.fail(failure, out),
        }
    }

    /// Tells what a rollback would change.
    pub(super) fn plan_rollback(&self, asked: &Asked, name: &ApplicationName, to: Option<u64>, out: &mut Vec<Effect>) {
        let planned = self.earlier(name, to).and_then(|(_, application)| {
            let plan = self.database.deployment().plan(&application);
            plan.map_err(|faults| invalid(&faults))
        });
        match planned {
            Ok(plan) => asked.answer(Response::Plan(Box::new(plan)), out),
            Err(failure) => asked.fail(failure, out),
        }
    }

    /// Deploys an earlier revision's content as a new revision: an update like any other.
    pub(super) fn roll_back(
        &mut self,
        asked: Asked,
        (name, to): (&ApplicationName, Option<u64>),
        conditions: Conditions,
        request: RequestId,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if self.answered_before(&asked, request, out) {
            return;
        }
        // Who does not lead knows no better what there is to roll back to.
        if let Err(failure) = self.may_update(moment) {
            return asked.fail(failure, out);
        }
        match self.earlier(name, to) {
            Ok((revision, application)) => {
                let application = (application, Some(revision));
                self.deploy(asked, application, conditions, request, moment, out);
            }
            Err(failure) => asked.fail(failure, out),
        }
    }

    pub(super) fn in_force(&self, name: &ApplicationName) -> Option<&ApplicationRecord> {
        let record = self.database.deployment().applications.get(name)?;
        Some(record)
    }

    /// The revision to go back to, with its content.
    pub(super) fn earlier(&self, name: &ApplicationName, to: Option<u64>) -> Result<(u64, Application), Failure> {
        let in_force = self.in_force(name).map(|record| record.revision);
        let history = self.database.history();
        let Some(revision) = to.or_else(|| history.before(name, in_force)) else {
            return Err(match in_force {
                None => unknown(name),
                Some(revision) => Failure::new(
                    ErrorCode::NotFound,
                    format!("application {name} has no revision before {revision} that is kept"),
                    format!("`floe app history {name}` shows what is kept"),
                ),
            });
        };
        Ok((revision, self.content(name, revision)?))
    }

    fn content(&self, name: &ApplicationName, revision: u64) -> Result<Application, Failure> {
        let in_force = self.in_force(name);
        if let Some(record) = in_force.filter(|record| record.revision == revision) {
            return Ok((*record.descriptor).clone());
        }
        let history = self.database.history();
        match history.content(name, revision) {
            Some(Ok(application)) => Ok(application),
            Some(Err(error)) => Err(Failure::new(
                ErrorCode::Internal,
                format!("revision {revision} of application {name} cannot be read: {error}"),
                "it was stored by another version of floe; that one can show it",
            )),
            None if history.rows(name, in_force).is_empty() => Err(unknown(name)),
            None => Err(Failure::new(
                ErrorCode::NotFound,
                format!("revision {revision} of application {name} is not kept"),
                format!("`floe app history {name}` shows what is kept"),
            )),
        }
    }
}

fn unknown(name: &ApplicationName) -> Failure {
    Failure::new(
        ErrorCode::NotFound,
        format!("there is no application {name}, and no history of one"),
        "`floe app list` shows all",
    )
}

#[cfg(test)]
#[path = "rollback_test.rs"]
mod tests;
