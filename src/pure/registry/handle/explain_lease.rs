//! Why this one: how a lease was given, and what a request would be given.

use super::super::decisions::{self, Decision};
use super::super::effect::Effect;
use super::super::seat::Seat;
use super::super::state::Registry;
use super::allocate::{asking, refused};
use super::pass::Asked;
use crate::pure::allocation::session::TTL_DEFAULT;
use crate::pure::allocation::{Asking, Decided, How, Lease, Outcome, Purpose, Session, Wish};
use crate::pure::base::{Moment, ObjectId, Secret};
use crate::pure::protocol::Response;
use crate::pure::protocol::request::{ErrorCode, Failure};

impl Registry {
    /// Kept for whoever asks why.
    pub(super) fn note(
        &mut self,
        session: &Session,
        wish: &Wish,
        lease: Option<&Lease>,
        how: Option<How>,
        moment: &Moment,
    ) {
        let (Some(how), Some(reigning)) = (how, self.reigning()) else {
            return;
        };
        reigning.desk.decisions.add(Decision {
            at: moment.wall,
            session: session.id,
            wish: wish.clone(),
            given: lease.map(|lease| (lease.resource.clone(), lease.token)),
            how,
        });
    }

    /// What a new session would be given.
    pub(super) fn probe(&self, asked: &Asked, wish: &Wish, moment: &Moment, out: &mut Vec<Effect>) {
        let secret = Secret::from_bits(moment.dice);
        let session = Session::new(secret, String::new(), TTL_DEFAULT, asked.actor.clone(), moment.wall);
        if let Err(failure) = self.may_decide().and_then(|()| self.has_room(&session, wish)) {
            return asked.fail(failure, out);
        }
        let asking = Asking {
            purpose: Purpose::Probe,
            ..asking(&session, wish, None, moment.roll(11, u64::MAX), moment)
        };
        let Decided { outcome, how } = self.comes_to(&asking);
        let resource = match outcome {
            Outcome::Grant { resource, .. } => Some(resource.to_string()),
            Outcome::Refuse(refusal) => return asked.fail(refused(wish, &refusal), out),
            Outcome::Wait(_) if how.is_none() => return asked.fail(self.busy(wish, ""), out),
            Outcome::Wait(_) => None,
        };
        let report = how
            .map(|how| decisions::report(&how, wish, resource))
            .unwrap_or_default();
        asked.answer(Response::Decision(Box::new(report)), out);
    }

    /// Why a lease was given. Only whoever gave it knows.
    pub(super) fn explain_lease(&self, resource: &ObjectId) -> Response {
        let Seat::Leading(reigning) = &self.seat else {
            return Response::Failed(self.not_master());
        };
        let Some(lease) = self.database.allocations().lease(resource) else {
            let message = format!("{resource} is held by nobody");
            let hint = "`floe lease list` shows what is held";
            return Response::Failed(Failure::new(ErrorCode::NotFound, message, hint));
        };
        let decision = reigning.desk.decisions.of_lease(resource, lease.token);
        decision.map_or_else(
            || {
                let message = format!(
                    "how {resource} came to session {} is not known any more: a master keeps the last {} decisions of its own reign",
                    lease.session,
                    decisions::KEPT_MAX
                );
                Response::Failed(Failure::new(ErrorCode::NotFound, message, "`floe lease list` shows who holds it"))
            },
            |decision| Response::Decision(Box::new(decision.report())),
        )
    }

    /// Begins to load this registry's allocators anew; what becomes of it is asked for.
    pub(super) fn reload_plugins(&self, name: Option<&str>) -> Response {
        let allocator = &self.config.allocator;
        allocator.reload(name).map_or_else(
            |message| {
                let hint = "`floe plugin list` shows what this registry has loaded";
                Response::Failed(Failure::new(ErrorCode::Precondition, message, hint))
            },
            |()| Response::Plugins(allocator.plugins()),
        )
    }
}
