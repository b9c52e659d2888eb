//! Well-known objects that no application holds: updates like any other.

use super::super::effect::Effect;
use super::super::payload::Payload;
use super::super::query::invalid_object;
use super::super::seat::Receipt;
use super::super::state::Registry;
use super::pass::Asked;
use crate::pure::base::{Moment, ObjectId, RequestId};
use crate::pure::model::ObjectRecord;
use crate::pure::protocol::locate::ObjectReport;
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::request::{ErrorCode, Failure};

impl Registry {
    pub(super) fn put_object(
        &mut self,
        asked: Asked,
        object: ObjectRecord,
        request: RequestId,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if self.answered_before(&asked, request, out) {
            return;
        }
        if let Err(failure) = self.may_update(moment) {
            return asked.fail(failure, out);
        }
        let checked = self.check_registered([object.id.as_str()]);
        let checked = checked.and_then(|()| {
            let faults = self.database.deployment().check_object(&object);
            faults.map_err(|faults| invalid_object(&faults))
        });
        if let Err(failure) = checked {
            return asked.fail(failure, out);
        }
        let id = object.id.clone();
        self.store_object(asked, (&id, false), Payload::PutObject(object), request, moment, out);
    }

    pub(super) fn remove_object(
        &mut self,
        asked: Asked,
        id: &ObjectId,
        request: RequestId,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if self.answered_before(&asked, request, out) {
            return;
        }
        if let Err(failure) = self.may_update(moment) {
            return asked.fail(failure, out);
        }
        let deployment = self.database.deployment();
        if !deployment.objects.contains_key(id) {
            let held = deployment.all_objects.contains_key(id);
            let failure = if held {
                let message = format!("object {id} belongs to an application");
                Failure::new(
                    ErrorCode::Precondition,
                    message,
                    "take it out of that: floe app apply FILE",
                )
            } else {
                let message = format!("there is no object {id}");
                Failure::new(ErrorCode::NotFound, message, "`floe object list` shows all")
            };
            return asked.fail(failure, out);
        }
        self.store_object(
            asked,
            (id, true),
            Payload::RemoveObject(id.clone()),
            request,
            moment,
            out,
        );
    }

    fn store_object(
        &mut self,
        asked: Asked,
        (id, removed): (&ObjectId, bool),
        payload: Payload,
        request: RequestId,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let appended = self.append(payload, None, request, &asked.actor, moment, out);
        if appended.is_none() {
            let failure = Failure::new(ErrorCode::Internal, "the entry was not taken", "see the registry's log");
            return asked.fail(failure, out);
        }
        let version = self.database.end().to_string();
        out.push(Effect::Happened(Box::new(Happening {
            time: moment.wall,
            subject: "object".to_owned(),
            name: id.to_string(),
            state: if removed { "removed" } else { "stored" }.to_owned(),
            reason: format!("by {}", asked.actor),
            version: Some(version.clone()),
        })));
        let report = ObjectReport {
            id: id.to_string(),
            removed,
            version,
            copies: 1,
            behind: Vec::new(),
        };
        let pending = self.pending(Some((vec![asked.to], Receipt::Object(report))), moment);
        self.await_copies(pending, moment, out);
    }
}
