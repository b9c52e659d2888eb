//! The members of a replica group, deployed or registered, as they stand.

use super::balance::{Candidate, arrange};
use super::load::Load;
use super::resolve::{ServerPlace, Sight, Wish};
use super::stand::{Stand, stand, words};
use crate::pure::base::AdapterId;
use crate::pure::model::deployment::Placed;
use crate::pure::model::{Balance, Deployment};

/// A member that can be offered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Member<'a> {
    /// It can be used now.
    Active(&'a str),
    /// Whoever asks may have it started.
    Startable(&'a Placed),
}

/// The members of one group.
#[derive(Debug, Default)]
pub(super) struct Members<'a> {
    /// In rotation, in order of declaration.
    pub(super) offered: Vec<Candidate<Member<'a>>>,
    /// On their way without our doing.
    coming: Vec<&'a Placed>,
    out: Vec<&'a Placed>,
}

impl<'a> Members<'a> {
    /// Those of a deployed group.
    pub(super) fn deployed(
        deployment: &'a Deployment,
        sight: &'a dyn Sight,
        ids: &[AdapterId],
        wish: Wish<'_>,
    ) -> Self {
        let mut members = Self::default();
        let mut begun_by_others = Vec::new();
        for adapter in ids {
            let server = deployment.adapters.get(adapter);
            let Some(placed) = server.and_then(|server| deployment.servers.get(server)) else {
                continue;
            };
            let id = &placed.spec.id;
            let (item, load) = match stand(sight, placed, adapter) {
                Stand::Active {
                    endpoint,
                    load,
                    resting: false,
                } => (Member::Active(endpoint), load),
                Stand::Startable { load, begun } if !wish.failed.contains(id) => {
                    if begun && !wish.waiting.contains(id) {
                        begun_by_others.push(members.offered.len());
                    }
                    (Member::Startable(placed), load)
                }
                Stand::Coming { .. } => {
                    members.coming.push(placed);
                    continue;
                }
                Stand::Startable { .. } | Stand::Active { .. } | Stand::Out => {
                    members.out.push(placed);
                    continue;
                }
            };
            let priority = priority_of(placed, adapter);
            members.offered.push(Candidate { item, priority, load });
        }
        let is_active = |member: &Candidate<Member<'_>>| matches!(member.item, Member::Active(_));
        if members.offered.iter().any(is_active) {
            for place in begun_by_others.into_iter().rev() {
                members.offered.remove(place);
            }
        }
        members
    }

    /// Those that processes registered.
    pub(super) fn registered(endpoints: impl Iterator<Item = &'a str>) -> Self {
        let offered = endpoints.map(|endpoint| Candidate {
            item: Member::Active(endpoint),
            priority: 0,
            load: Load::default(),
        });
        Self {
            offered: offered.collect(),
            ..Self::default()
        }
    }

    /// The first `count` (0 = all) in the order of the policy.
    pub(super) fn choose(self, balance: Balance, count: u32, turn: u64) -> Vec<Member<'a>> {
        let mut chosen = arrange(balance, self.offered, turn);
        if count > 0 {
            chosen.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        }
        chosen
    }

    /// Those that are on their way without our doing: worth a wait where nothing else is to be had.
    pub(super) fn coming(&self) -> Vec<ServerPlace> {
        self.coming.iter().map(|placed| server_place(placed, false)).collect()
    }

    /// The reasons of the first three that are out, and the first one's hint; `None` when no member is out.
    pub(super) fn reason(&self, sight: &dyn Sight) -> Option<(String, String)> {
        let first = self.out.first()?;
        let shown: Vec<String> = self.out.iter().take(3).map(|placed| words(sight, placed).0).collect();
        let more = match self.out.len().saturating_sub(3) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Some((format!("{}{more}", shown.join("; ")), words(sight, first).1))
    }
}

pub(super) fn server_place(placed: &Placed, ask: bool) -> ServerPlace {
    ServerPlace {
        node: placed.node.clone(),
        server: placed.spec.id.clone(),
        ask,
    }
}

pub(super) fn priority_of(placed: &Placed, adapter: &AdapterId) -> i32 {
    let found = placed.spec.adapters.iter().find(|candidate| candidate.id == *adapter);
    found.map_or(0, |candidate| candidate.priority)
}
