//! The quick look: an id whose answer is one endpoint that is active now, found without an allocation. Everything else is
//! left to `resolve`, which would choose the same.

use super::balance::mixed;
use super::resolve::{Named, ResolvedKind, Sight, named_at_home};
use super::stand::{Stand, stand};
use super::turns::Turns;
use crate::pure::base::AdapterId;
use crate::pure::model::deployment::Placed;
use crate::pure::model::descriptor::Group;
use crate::pure::model::{Balance, Deployment};

/// The endpoint of `id`, if one look is enough. `free` is any number, for choices that are free.
pub fn glance<'a>(
    deployment: &'a Deployment,
    sight: &'a dyn Sight,
    turns: &Turns,
    id: &str,
    free: u64,
) -> Option<(ResolvedKind, &'a str)> {
    match named_at_home(deployment, id)? {
        Named::Adapter(kind, adapter, placed) => match stand(sight, placed, adapter) {
            Stand::Active { endpoint, .. } => Some((kind, endpoint)),
            Stand::Startable { .. } | Stand::Coming { .. } | Stand::Out => None,
        },
        Named::Group(kind, group, ids) if group.count == 1 => loop {
            let counted = matches!(group.balance, Balance::RoundRobin | Balance::Adaptive);
            let turn = if counted { turns.next(&group.id) } else { mixed(free) };
            let endpoint = one_of(deployment, sight, group, ids, turn)?;
            if !counted || turns.take(&group.id, turn) {
                return Some((kind, endpoint));
            }
        },
        Named::Group(..) | Named::Homeless(_) | Named::Registered(_) | Named::RegisteredGroup(_) => None,
    }
}

/// The member that the policy chooses, if it is active.
fn one_of<'a>(
    deployment: &'a Deployment,
    sight: &'a dyn Sight,
    group: &Group,
    ids: &'a [AdapterId],
    turn: u64,
) -> Option<&'a str> {
    let offered = || ids.iter().filter_map(move |adapter| offer(deployment, sight, adapter));
    let mut count = 0_u64;
    for member in offered() {
        // Who waits for whom is not decided at a glance.
        if matches!(member.stand, Stand::Startable { begun: true, .. }) {
            return None;
        }
        count += 1;
    }
    let first = usize::try_from(turn.checked_rem(count)?).ok()?;
    let rotated = || offered().skip(first).chain(offered().take(first));
    let chosen = match group.balance {
        Balance::Random | Balance::RoundRobin => rotated().next(),
        Balance::Ordered => offered().min_by_key(Offer::priority),
        Balance::Adaptive => rotated().min_by_key(Offer::load),
    };
    match chosen?.stand {
        Stand::Active { endpoint, .. } => Some(endpoint),
        Stand::Startable { .. } | Stand::Coming { .. } | Stand::Out => None,
    }
}

struct Offer<'a> {
    stand: Stand<'a>,
    placed: &'a Placed,
    adapter: &'a AdapterId,
}

fn offer<'a>(deployment: &'a Deployment, sight: &'a dyn Sight, adapter: &'a AdapterId) -> Option<Offer<'a>> {
    let placed = deployment.servers.get(deployment.adapters.get(adapter)?)?;
    let stand = stand(sight, placed, adapter);
    let offered = matches!(stand, Stand::Active { resting: false, .. } | Stand::Startable { .. });
    offered.then_some(Offer { stand, placed, adapter })
}

impl Offer<'_> {
    fn priority(&self) -> i32 {
        super::members::priority_of(self.placed, self.adapter)
    }
    fn load(&self) -> super::Load {
        match self.stand {
            Stand::Active { load, .. } | Stand::Startable { load, .. } | Stand::Coming { load } => load,
            Stand::Out => super::Load::UNKNOWN,
        }
    }
}
