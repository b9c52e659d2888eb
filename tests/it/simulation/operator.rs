//! Makes trouble: what networks, machines, clients and operators do, each by chance.

use super::leasers;
use super::node_trouble;
use super::order_trouble;
use super::peer::Start;
use super::workload;
use super::world::{Checked, World};
use floe::pure::base::{PeerName, RequestId};
use floe::pure::membership::{Role, Standing};
use floe::pure::model::Application;
use floe::pure::protocol::{ReplyTo, Response};

/// What an update is asked for with, until somebody says that it is safe.
#[derive(Clone, Debug)]
struct Wish {
    application: Application,
    removes: bool,
    request: RequestId,
    asked: Vec<ReplyTo>,
}

/// Who makes trouble, and how far it may go.
#[derive(Clone, Debug, Default)]
pub(super) struct Operator {
    /// Uses `--accept-loss` and `--force` now and then.
    pub(super) reckless: bool,
    /// Puts old databases back now and then.
    pub(super) restores: bool,
    /// Gives plain orders only, and starts everybody as it was.
    pub(super) gentle: bool,
    /// Nothing passes between some peers for a while.
    pub(super) partitions: bool,
    wishes: Vec<Wish>,
}

impl Operator {
    /// One thing happens.
    pub(super) fn act(&mut self, world: &mut World) -> Checked {
        if world.leasers.on && world.chance.hits(1, 2) {
            return leasers::act(world);
        }
        if world.setup.nodes > 0 && world.chance.hits(2, 5) {
            return node_trouble::act(world, self.restores);
        }
        if world.chance.hits(1, 5) {
            return self.order(world);
        }
        match world.chance.below(100) {
            0..30 => self.wish(world),
            30..45 => self.retry(world),
            52..64 if !self.partitions => self.order(world),
            88.. if self.gentle => self.restart_unchanged(world),
            45..52 => {
                let (a, b) = pair(world);
                world.sever(a, b);
                Ok(())
            }
            52..64 => {
                partition(world);
                Ok(())
            }
            64..67 => {
                world.heal();
                Ok(())
            }
            67..74 => {
                let index = any(world);
                world.crash(index);
                Ok(())
            }
            74..88 => self.restart_unchanged(world),
            88..97 => self.restart_changed(world),
            _ => self.two_masters(world),
        }
    }

    /// Something is ordered of a running registry.
    fn order(&mut self, world: &mut World) -> Checked {
        match world.chance.below(100) {
            0..50 => order_trouble::promote(world, self.reckless),
            50..63 => {
                order_trouble::pause(world);
                Ok(())
            }
            _ if self.gentle => Ok(()),
            63..69 => order_trouble::demote(world, self.reckless),
            69..73 => order_trouble::lead_alone(world),
            _ => order_trouble::initialise(world),
        }
    }

    /// A client wants something new, mostly from whoever leads.
    fn wish(&mut self, world: &mut World) -> Checked {
        let nodes = world.nodes().map(|index| world.peers[index].card.name.clone());
        let nodes: Vec<PeerName> = nodes.collect();
        let name = format!("app-{}", world.chance.below(4));
        let wish = Wish {
            application: workload::application(&name, &nodes, &mut world.chance),
            removes: world.chance.hits(1, 5),
            request: RequestId::from_bits(world.chance.bits()),
            asked: Vec::new(),
        };
        self.wishes.push(wish);
        self.ask(world, self.wishes.len() - 1)
    }
    /// A client that was not told that its update is safe asks again, blindly.
    fn retry(&mut self, world: &mut World) -> Checked {
        if self.wishes.is_empty() {
            return Ok(());
        }
        let wish = world.chance.index(self.wishes.len());
        let safe = |to: &ReplyTo| matches!(world.response(*to), Some(Response::Applied(_)));
        let done = self.wishes[wish].asked.iter().any(safe);
        if done && !world.chance.hits(1, 10) {
            Ok(())
        } else {
            self.ask(world, wish)
        }
    }
    fn ask(&mut self, world: &mut World, wish: usize) -> Checked {
        let up: Vec<usize> = world.registries().filter(|index| world.is_up(*index)).collect();
        if up.is_empty() {
            return Ok(());
        }
        let leading: Vec<usize> = up
            .iter()
            .copied()
            .filter(|index| world.standing(*index) == Standing::Leading)
            .collect();
        let from = if leading.is_empty() || world.chance.hits(1, 10) {
            up
        } else {
            leading
        };
        let index = world.chance.pick(&from);
        let wish = &mut self.wishes[wish];
        let to = if wish.removes {
            world.remove(index, wish.application.name.as_str(), wish.request)?
        } else {
            world.deploy(index, wish.application.clone(), wish.request)?
        };
        wish.asked.push(to);
        Ok(())
    }

    /// Somebody who is down comes back as it was.
    fn restart_unchanged(&mut self, world: &mut World) -> Checked {
        let down: Vec<usize> = world.registries().filter(|index| !world.is_up(*index)).collect();
        if down.is_empty() {
            return Ok(());
        }
        let index = world.chance.pick(&down);
        self.restore_backup(world, index);
        let Start { role, initdb, .. } = world.peers[index].start;
        // A flag left in a service file.
        let initdb = initdb.filter(|_| world.chance.hits(1, 2));
        let start = Start {
            role,
            initdb,
            ..Start::default()
        };
        world.start(index, start)
    }
    /// The operator gives a registry another role, or says `--promote`.
    fn restart_changed(&mut self, world: &mut World) -> Checked {
        let index = any(world);
        let start = self.some_start(world);
        self.restart(world, index, start)
    }
    fn two_masters(&mut self, world: &mut World) -> Checked {
        let (a, b) = pair(world);
        let start = Start {
            role: Role::Master,
            promote: true,
            readonly: false,
            initdb: None,
            ..self.some_start(world)
        };
        world.crash(a);
        world.crash(b);
        world.start(a, start)?;
        world.start(b, start)
    }
    fn some_start(&self, world: &mut World) -> Start {
        let reckless = self.reckless && world.chance.hits(1, 2);
        let role = if world.chance.hits(2, 3) {
            Role::Master
        } else {
            Role::Replica
        };
        Start {
            role,
            promote: role == Role::Master && world.chance.hits(1, 2),
            accept_loss: reckless,
            force: reckless && world.chance.hits(1, 2),
            readonly: world.chance.hits(1, 10),
            initdb: world.chance.hits(1, 10).then(|| any(world)),
        }
    }
    fn restart(&mut self, world: &mut World, index: usize, mut start: Start) -> Checked {
        start.initdb = start.initdb.filter(|from| *from != index);
        world.crash(index);
        self.restore_backup(world, index);
        world.start(index, start)
    }
    /// In worlds whose disks lie: now and then a copy is made, and now and then it is put back.
    fn restore_backup(&self, world: &mut World, index: usize) {
        if !self.restores {
            return;
        }
        if world.chance.hits(1, 2) {
            world.peers[index].backup = Some(world.peers[index].disk.clone());
        } else if let Some(backup) = world.peers[index].backup.clone() {
            world.peers[index].disk.roll_back(&backup);
        }
    }
}

/// Any registry.
pub(super) fn any(world: &mut World) -> usize {
    world.chance.index(world.setup.registries)
}
/// Two registries.
fn pair(world: &mut World) -> (usize, usize) {
    let a = any(world);
    let registries = world.setup.registries;
    let step = 1 + world.chance.index(registries - 1);
    (a, (a + step) % registries)
}
/// Something does not pass for some time; links may take a while to break of it.
fn partition(world: &mut World) {
    let (a, b) = pair(world);
    let millis = world.chance.between(1, 5_000);
    let until = world.now + millis * 1000;
    match world.chance.below(4) {
        0 => world.network.block(a, b, until),
        1 => {
            world.network.block(a, b, until);
            world.network.block(b, a, until);
        }
        2 => {
            for other in (0..world.peers.len()).filter(|other| *other != a) {
                world.network.block(a, other, until);
                world.network.block(other, a, until);
            }
        }
        _ => {
            for (a, b) in world.network.blocked_links(world.now) {
                world.sever(a, b);
            }
        }
    }
}
