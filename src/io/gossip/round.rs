//! One round of the supervisor: hold our keys, read the members, tell what changed, try the silent.

use super::own::{self, Keys};
use super::reader::NUMBER_MAX;
use super::roster::Fullness;
use super::supervisor::Supervisor;
use crate::io::clock;
use crate::pure::base::Time;
use crate::pure::membership::{Change, Member, PeerKind, Sighting, record};
use chitchat::{ChitchatHandle, ChitchatId};
use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use tokio::sync::mpsc::error::TrySendError;

/// Most addresses tried in one round.
const MEET_MAX: usize = 16;
/// A run of chitchat is not cut short before it lasted so many rounds, whatever others claim to be us.
const RUN_ROUNDS_MIN: u32 = 20;

impl Supervisor {
    /// Reads chitchat's state and sets our own in it.
    ///
    /// # Errors
    /// Why chitchat must be started again: others took numbers in our name that we cannot outbid.
    pub(super) async fn observe(&mut self, server: &ChitchatHandle) -> Result<(), String> {
        let now = clock::now();
        let forged = self.link.take_forged_version();
        let usurped = self.link.take_usurped() || forged > NUMBER_MAX / 2;
        if usurped && now.since(self.spawned) > self.settings.interval * RUN_ROUNDS_MIN {
            return Err("others gossip in our name, a new generation is needed".to_owned());
        }
        let wanted = self.wanted(false);
        let (heartbeat, known, live, sightings) = {
            let chitchat = server.chitchat();
            let mut chitchat = chitchat.lock().await;
            let state = chitchat.self_node_state();
            own::hold(state, &wanted, &self.written, forged.min(NUMBER_MAX / 2), &self.tally);
            let heartbeat = u64::from(state.heartbeat());
            let known: BTreeSet<ChitchatId> = chitchat.node_states().keys().cloned().collect();
            let others = chitchat.live_nodes().filter(|id| *id != chitchat.self_chitchat_id());
            let live = others.map(|id| id.gossip_advertise_addr).collect();
            let sightings = self.lens.look(&chitchat, &self.tally);
            (heartbeat, known, live, sightings)
        };
        self.written = wanted;
        self.live = live;
        self.known = known.iter().map(|id| id.gossip_advertise_addr).collect();
        self.note(heartbeat, known);
        let mut all = self.carried_sightings(now);
        all.extend(sightings);
        self.view = self.view.next(all);
        self.tell();
        Ok(())
    }

    /// Our keys as they should be now.
    pub(super) fn wanted(&self, leaving: bool) -> Keys {
        let mut record = self.orders.record.borrow().clone();
        record.card.generation = self.generation;
        let mut keys: Keys = record.to_keys().into_iter().collect();
        keys.extend([record::leaving_key(leaving)]);
        keys
    }

    /// Tries addresses that no live member has: some of them each time, every round while nobody is live.
    pub(super) fn meet(&mut self, server: &ChitchatHandle) {
        let now = clock::now();
        let every = if self.live.is_empty() {
            self.settings.interval
        } else {
            self.settings.meet_every
        };
        if self.met.is_some_and(|met| now.since(met) < every) {
            return;
        }
        self.met = Some(now);
        let own = self.settings.advertise;
        let mut silent: BTreeSet<SocketAddr> = self.orders.addresses.borrow().iter().copied().collect();
        silent.extend(&self.former);
        silent.retain(|address| *address != own && !self.live.contains(address));
        let start = self.turn.checked_rem(silent.len()).unwrap_or(0);
        for address in silent.iter().cycle().skip(start).take(MEET_MAX.min(silent.len())) {
            // Fails only when chitchat has ended, which `tend` sees by itself.
            if server.gossip(*address).is_err() {
                return;
            }
        }
        self.turn = start.wrapping_add(MEET_MAX);
    }

    /// Says that we leave, and stops chitchat when that had two rounds to spread.
    pub(super) async fn leave(
        &mut self,
        server: &ChitchatHandle,
        mut ended: Pin<&mut impl Future<Output = anyhow::Result<()>>>,
    ) {
        let wanted = self.wanted(true);
        let (written, tally) = (&self.written, &self.tally);
        server
            .with_chitchat(|chitchat| own::hold(chitchat.self_node_state(), &wanted, written, 0, tally))
            .await;
        for address in self.live.iter().take(MEET_MAX) {
            if server.gossip(*address).is_err() {
                return;
            }
        }
        let interval = self.settings.interval;
        let gone = tokio::time::timeout(interval * 2, &mut ended).await.is_ok();
        if !gone && server.initiate_shutdown().is_ok() && tokio::time::timeout(interval, ended).await.is_err() {
            tracing::debug!("chitchat did not end in time");
        }
    }

    /// Members from before a breakdown: as they were while chitchat finds them again, then silent, then forgotten.
    fn carried_sightings(&mut self, now: Time) -> Vec<Sighting> {
        let Some((view, since)) = &self.carried else {
            return Vec::new();
        };
        let age = now.since(*since);
        if age > self.settings.dead_after {
            self.carried = None;
            self.former.clear();
            return Vec::new();
        }
        let settling = age < (self.settings.interval * 20).max(self.settings.first_interval * 5);
        let others = view.members.values().filter(|member| !self.is_own(member));
        others
            .map(|member| Sighting {
                record: member.record.clone(),
                alive: member.alive && settling,
            })
            .collect()
    }

    /// Tells the app what changed since it was last told; when it does not keep up, next round tells it all at once.
    fn tell(&mut self) {
        let mut news = self.told.changes(&self.view);
        news.retain(|change| !matches!(change, Change::Seen(member) if self.is_own(member)));
        if !news.is_empty()
            && let Err(TrySendError::Full(news)) = self.changes.try_send(news)
        {
            tracing::debug!(waiting = news.len(), "gossip changes wait for room");
            return;
        }
        self.told.clone_from(&self.view);
    }

    /// Tells the transport who is known, and metrics and the operator how full that is.
    fn note(&mut self, heartbeat: u64, known: BTreeSet<ChitchatId>) {
        let (fullness, entries) = {
            let mut codec = self.link.codec();
            codec.rules.heartbeat = heartbeat;
            codec.roster.refresh(known);
            (codec.roster.fullness(), codec.roster.len())
        };
        if fullness > self.fullness && fullness == Fullness::Full {
            tracing::error!(entries, "gossip is full, newcomers are refused");
        } else if fullness > self.fullness {
            tracing::warn!(entries, "gossip is half full");
        }
        self.fullness = fullness;
        for kind in [PeerKind::Registry, PeerKind::Node] {
            for alive in [true, false] {
                let of_kind = |member: &&Member| member.record.card.kind == kind && member.alive == alive;
                let count = self.view.members.values().filter(of_kind).count();
                let state = if alive { "alive" } else { "unreachable" };
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                metrics::gauge!("floe_gossip_peers", "kind" => kind.to_string(), "state" => state)
                    .set(f64::from(count));
            }
        }
    }

    fn is_own(&self, member: &Member) -> bool {
        member.record.card.name == self.settings.name
    }
}
