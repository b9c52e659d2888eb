//! From whom a registry may be initialised, and whether it may be at all. Changes nothing.

use super::super::seat::Seat;
use super::super::state::Registry;
use crate::pure::base::PeerName;
use crate::pure::lineage::compare::Relation;
use crate::pure::membership::Standing;
use crate::pure::protocol::Status;
use crate::pure::protocol::request::{ErrorCode, Failure};

/// What may be done with a source that told how it stands.
pub(super) enum Weighed {
    /// Its log takes the place of ours.
    Take(Relation),
    /// Ours holds all of it.
    Needless(Relation),
    /// It will not do.
    Refuse(Failure),
}

impl Registry {
    /// What a client is refused at once.
    pub(super) fn may_be_initialised(&self, source: &PeerName) -> Result<(), Failure> {
        let me = self.name();
        let refuse = |code, message: String, hint: String| Err(Failure::new(code, message, hint));
        if source == me {
            let message = format!("{me} cannot be initialised from itself");
            return refuse(ErrorCode::Invalid, message, "name another registry".to_owned());
        }
        if let Some(other) = &self.initialisation {
            let message = format!("{me} is being initialised from {} already", other.source);
            return refuse(ErrorCode::Precondition, message, "wait for its end".to_owned());
        }
        if self.order.is_some() {
            let message = format!("{me} is being promoted");
            return refuse(ErrorCode::Precondition, message, "wait for its end".to_owned());
        }
        if matches!(self.seat, Seat::Leading(_)) {
            let message = format!("{me} leads, and a leading master is not initialised; nothing was changed");
            let hint = format!("promote another registry first, or restart {me} with --initdb-from-replica {source}");
            return refuse(ErrorCode::Precondition, message, hint);
        }
        self.in_reach(source)
    }

    /// A registry that is linked, or why it is not.
    pub(super) fn in_reach(&self, source: &PeerName) -> Result<(), Failure> {
        let shown = "`floe registry list` shows all registries";
        let recorded = self.database.deployment().registries.get(source);
        let Some(peer) = self.peers.get(source) else {
            let failure = match recorded {
                Some(record) => {
                    let message = format!("registry {source} at {} is not in reach", record.address);
                    Failure::new(ErrorCode::Unavailable, message, format!("start {source}; {shown}"))
                }
                None => Failure::new(ErrorCode::NotFound, format!("there is no registry {source}"), shown),
            };
            return Err(failure);
        };
        if !peer.is_registry() {
            let message = format!("{source} is a node: it holds no database");
            return Err(Failure::new(ErrorCode::Invalid, message, shown));
        }
        if peer.linked {
            return Ok(());
        }
        let why = if peer.unreachable.is_empty() {
            String::new()
        } else {
            format!(": {}", peer.unreachable)
        };
        let message = format!("registry {source} at {} is not in reach{why}", peer.card.address);
        Err(Failure::new(
            ErrorCode::Unavailable,
            message,
            format!("start {source}; {shown}"),
        ))
    }

    /// May this source's database take the place of ours?
    pub(super) fn weigh(&self, status: &Status) -> Weighed {
        let Some(initialisation) = &self.initialisation else {
            return Weighed::Needless(Relation::Same);
        };
        let (me, source) = (self.name(), &initialisation.source);
        let relation = self.relation(&status.summary);
        if matches!(relation, Relation::Same | Relation::Older(_)) {
            return Weighed::Needless(relation);
        }
        if let Some(doubt) = self.doubt_about(status).filter(|_| !initialisation.from_unproven) {
            let message = format!("{source} is {doubt}: what it holds may not be what the grid goes on with");
            let hint = format!(
                "`floe registry compare {me} {source}` shows what each has; --from-unproven takes it all the same"
            );
            return Weighed::Refuse(Failure::new(ErrorCode::Precondition, message, hint));
        }
        // A promise never goes back, and one that was given in another grid would stop, or contest, the master of this one.
        if relation == Relation::Foreign && self.identity.promise.number >= status.promise.number {
            let message = format!(
                "{me} holds another database than {source} and has promised epoch {} there, {source} obeys epoch {}: with that promise {me} would stop the master of {source}",
                self.identity.promise.number, status.promise.number
            );
            let hint = format!(
                "stop {me}, move its data folder away, and start it with --initdb-from-replica {source}: a new folder has promised nothing"
            );
            return Weighed::Refuse(Failure::new(ErrorCode::Precondition, message, hint));
        }
        Weighed::Take(relation)
    }

    /// Why what a source holds is in doubt. A quarrel with this very registry is settled by whoever initialises it.
    fn doubt_about(&self, status: &Status) -> Option<String> {
        let mine = self.database.lineage().0.iter().rev();
        let last = mine
            .into_iter()
            .find(|reign| reign.by == *self.name())
            .map(|reign| reign.epoch);
        let with_me = Some(status.promise) == self.identity.drawn || Some(status.promise) == last;
        match status.standing {
            _ if status.unproven => Some("marked unproven".to_owned()),
            standing @ (Standing::Refusing | Standing::Superseded | Standing::Outdated | Standing::Contested)
                if !with_me =>
            {
                Some(standing.to_string())
            }
            _ => None,
        }
    }
}
