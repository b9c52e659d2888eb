//! One random life of a grid from one seed: a founding, a time of faults, a quiet time at the end.
//!
//! In the time of faults the oracle looks for broken promises; in the quiet time one master is named, and everybody whose
//! log has not diverged must come to hold the same within a bound.

use super::calm;
use super::chance::Chance;
use super::leasers;
use super::node_rest;
use super::operator::Operator;
use super::peer::{Peer, Start};
use super::workload;
use super::world::{Checked, Setup, World};
use floe::pure::base::{PeerName, RequestId};
use floe::pure::lineage::rules::Rule;
#[cfg(feature = "mutants")]
use floe::pure::lineage::rules::Rules;
use floe::pure::lineage::sight::Sight;
use floe::pure::membership::{Role, Standing};
use floe::pure::protocol::{Request, Response};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Registries, copies before an update is acknowledged, and nodes.
pub(super) const SIZES: [(usize, u64, usize); 10] = [
    (2, 1, 0),
    (2, 2, 0),
    (3, 1, 0),
    (3, 2, 0),
    (3, 3, 0),
    (5, 2, 0),
    (5, 3, 0),
    (2, 1, 1),
    (3, 1, 2),
    (3, 2, 2),
];

/// Are there nodes in the life of this seed?
#[cfg(feature = "mutants")]
pub(super) fn has_nodes(seed: u64) -> bool {
    size(seed).2 > 0
}
/// Is the grid of this seed of the smallest size?
#[cfg(feature = "mutants")]
pub(super) fn is_smallest(seed: u64) -> bool {
    size(seed) == SIZES[0]
}
/// How large the grid of this seed is.
fn size(seed: u64) -> (usize, u64, usize) {
    SIZES[usize::try_from(seed % 10).expect("below ten")]
}

/// How long the quiet time may take, in milliseconds.
const QUIET: u64 = 30_000;

/// What one life came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) steps: u64,
    pub(super) millis: u64,
    pub(super) acknowledged: usize,
    pub(super) reigns: usize,
    pub(super) slices: usize,
    pub(super) processes: usize,
    pub(super) given: usize,
}

impl Figures {
    /// Counts another life in.
    pub(super) fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.millis += other.millis;
        self.acknowledged += other.acknowledged;
        self.reigns += other.reigns;
        self.slices += other.slices;
        self.processes += other.processes;
        self.given += other.given;
    }
}

/// A broken promise, with what led to it.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) fault: String,
    pub(super) events: String,
}

/// A rule that is switched off, and where.
#[derive(Clone, Copy, Debug)]
pub(super) enum Off {
    Everywhere(Rule),
    OnlyAtNodes(Rule),
}

/// Lives the life of this seed, with one rule switched off if there is one.
pub(super) fn live(seed: u64, off: Option<Off>, tracing: bool) -> Result<Figures, Failure> {
    let mut world = world(seed, off);
    world.trace.on = tracing;
    let outcome = catch_unwind(AssertUnwindSafe(|| whole(&mut world)));
    let fault = match outcome {
        Ok(Ok(())) => {
            let (acknowledged, reigns) = world.oracle.counts();
            return Ok(Figures {
                steps: world.steps,
                millis: world.now / 1000,
                acknowledged,
                reigns,
                slices: world.oracle.wards.taken,
                processes: world.processes(),
                given: world.leasers.given,
            });
        }
        Ok(Err(fault)) => fault,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_default()
        }
    };
    Err(Failure {
        fault,
        events: world.trace.tail(usize::MAX),
    })
}

fn world(seed: u64, off: Option<Off>) -> World {
    let (registries, min_copies, nodes) = size(seed);
    let mut setup = Setup::new(registries, min_copies);
    setup.nodes = nodes;
    match off {
        Some(Off::Everywhere(rule @ (Rule::PromiseIsDurable | Rule::MasterSyncsFirst | Rule::ReplicaSyncsFirst))) => {
            setup.shell_breaks = Some(rule);
        }
        #[cfg(feature = "mutants")]
        Some(Off::Everywhere(rule)) => {
            (setup.rules, setup.node_rules) = (Rules::without(rule), Rules::without(rule));
        }
        #[cfg(feature = "mutants")]
        Some(Off::OnlyAtNodes(rule)) => setup.node_rules = Rules::without(rule),
        #[cfg(not(feature = "mutants"))]
        Some(_) => {}
        None => {}
    }
    // The cores' own checks would notice some switched-off rules before anything is broken: the promises are to be seen
    // broken from outside.
    setup.self_check = off.is_none();
    let mut world = World::new(setup, seed);
    world.setup.log_keep = world.chance.pick(&[3, 8, 10_000]);
    world.setup.require_proof = world.chance.hits(3, 5);
    world.setup.sight = world
        .chance
        .pick(&[Sight::Off, Sight::Off, Sight::Majority, Sight::Any]);
    if world.chance.hits(1, 3) {
        world.wall_dice = Some(Chance::new(seed));
    }
    world.network.delay = world.chance.pick(&[(50, 500), (100, 5_000), (1_000, 200_000)]);
    world.oracle.disks_lie = world.chance.hits(1, 10);
    world
}

fn whole(world: &mut World) -> Checked {
    let mut operator = Operator::default();
    operator.gentle = !world.oracle.disks_lie && world.chance.hits(1, 3);
    operator.reckless = !operator.gentle && world.chance.hits(1, 3);
    operator.restores = world.oracle.disks_lie;
    operator.partitions = !operator.gentle || is_majority_asked(world);
    found(world, operator.gentle)?;
    // Where every decision is on more disks than a new master can miss.
    let safe = 2 * world.setup.min_copies > u64::try_from(world.setup.registries).expect("few");
    if world.setup.nodes > 0 && safe && !world.oracle.disks_lie && world.chance.hits(2, 3) {
        leasers::begin(world)?;
    }
    world.deaths = world.chance.pick(&[0, 5, 50]);
    world.groups = world.chance.pick(&[0, 10, 60]);
    world.mishaps = 5;
    world.network.loss = world.chance.pick(&[0, 0, 0, 200]);
    let actions = world.chance.between(20, 80);
    for _ in 0..actions {
        operator.act(world)?;
        let pause = world.chance.pick(&[0, 1, 20, 300, 2_000]);
        let pause = world.chance.between(0, pause);
        world.run(pause)?;
    }
    if operator.gentle {
        calm::calm(world)?;
    }
    quiet(world)
}

/// No two candidates can both be let lead by halves of the grid: so no number is claimed twice.
fn is_majority_asked(world: &World) -> bool {
    let registries = world.setup.registries;
    let proof = world.setup.require_proof && 2 * world.setup.min_copies > u64::try_from(registries).expect("few");
    proof || (world.setup.sight == Sight::Majority && registries >= 3)
}

/// Mostly a grid is founded in peace; sometimes the trouble begins at once. In some lives not all are there from the start.
fn found(world: &mut World, all_in_peace: bool) -> Checked {
    let start = |role| Start {
        role,
        ..Start::default()
    };
    let all = world.setup.registries;
    let founders = if !all_in_peace && world.chance.hits(1, 3) {
        1 + world.chance.index(all)
    } else {
        all
    };
    world.start(0, start(Role::Master))?;
    for index in 1..founders {
        world.start(index, start(Role::Replica))?;
    }
    for index in world.nodes() {
        if world.chance.hits(4, 5) {
            world.start_node(index)?;
        }
    }
    if !all_in_peace && world.chance.hits(1, 5) {
        let millis = world.chance.below(1_000);
        return world.run(millis);
    }
    world.until(QUIET, "the grid is founded", |world| {
        let end = world.peers[0].disk.end;
        world.peers.iter().take(founders).all(|peer| peer.disk.end == end)
            && world.standing(0) == Standing::Leading
            && world.core(0).database().deployment().registries.len() == founders
    })
}

/// The faults stop. One master is named; whoever can follow it must.
fn quiet(world: &mut World) -> Checked {
    world.trace.say(world.now, || "the quiet time begins".to_owned());
    end_of_faults(world)?;
    for index in world.registries() {
        put_in_line(world, index)?;
    }
    for index in world.nodes() {
        if world.peers[index].closing || world.chance.hits(1, 3) {
            world.crash(index);
        }
        if !world.is_up(index) {
            world.start_node(index)?;
        }
    }
    // Until nobody writes any more: a master records whoever attaches.
    let settling = world.chance.between(5_000, 8_000);
    world.run(settling)?;
    let (master, plain) = choose(world);
    world.crash(master);
    demote_strangers(world, master)?;
    let start = Start {
        role: Role::Master,
        promote: true,
        accept_loss: !plain,
        force: !plain,
        ..Start::default()
    };
    world.start(master, start)?;
    if !plain {
        world.ask(master, None, Request::LeadAlone)?;
    }
    world.until(
        QUIET,
        "the named master leads and everybody else follows or refuses",
        |world| {
            world.standing(master) == Standing::Leading && {
                let surplus = surplus(world, master);
                let mut registries = world.registries();
                registries.all(|index| is_settled(world, master, index, surplus[index]))
            }
        },
    )?;
    // As it is now: a master that came back as it was may have led, and fed others, until the named one came by force.
    let surplus = surplus(world, master);
    if plain && surplus.contains(&true) {
        return Err("a master that everybody can follow was named, and somebody holds what it lacks".to_owned());
    }
    for (index, beyond) in surplus.iter().enumerate().filter(|(_, beyond)| !**beyond) {
        if world.core(index).database().deployment() != world.core(master).database().deployment() {
            return Err(format!(
                "{} holds the same log and another deployment, surplus {beyond}",
                world.peers[index].card.name
            ));
        }
    }
    let safe = last_update(world, master, &surplus)?;
    node_rest::settle(world, master, safe)?;
    rest(world)
}

/// From here on nothing breaks any more.
pub(super) fn end_of_faults(world: &mut World) -> Checked {
    (world.deaths, world.groups, world.mishaps, world.network.loss) = (0, 0, 0, 0);
    (world.peace, world.trap) = (true, None);
    world.heal();
    let peers = world.peers.len();
    for index in world.registries() {
        world.resume(index)?;
    }
    for a in 0..peers {
        for b in a + 1..peers {
            world.sever(a, b);
        }
    }
    Ok(())
}

/// Everybody is up, and nobody wants to become master: only one is to be named.
fn put_in_line(world: &mut World, index: usize) -> Checked {
    let role = world.peers[index].start.role;
    let leads = world.is_up(index) && world.standing(index) == Standing::Leading;
    let Start { readonly, initdb, .. } = world.peers[index].start;
    // An order of the time of faults may have made a replica a candidate.
    let replica = world.is_up(index) && world.core(index).view().role == Role::Replica;
    let content = world.is_up(index)
        && ((role == Role::Replica && replica) || leads)
        && !readonly
        && initdb.is_none()
        && !world.peers[index].initialising;
    if content && world.chance.hits(2, 3) {
        return Ok(());
    }
    world.crash(index);
    // A master that reigned may come back as it was: it must find its place by itself.
    let reigned = world.peers[index].disk.identity.role == Some(Role::Master);
    let may_return = reigned && is_of_one_database(world);
    let role = if may_return && world.chance.hits(1, 2) {
        role
    } else {
        Role::Replica
    };
    let start = Start {
        role,
        ..Start::default()
    };
    world.start(index, start)?;
    if role == Role::Replica && world.core(index).view().role == Role::Master {
        // An order made it a master, which its file does not know of.
        world.ask(index, None, Request::Demote { force: true })?;
    }
    Ok(())
}

/// A master of another database would lead before the named one is there, and stop it by its number.
fn demote_strangers(world: &mut World, master: usize) -> Checked {
    for index in world.registries().filter(|index| *index != master) {
        let history = &world.oracle.history;
        let foreign = history.fork(world.peers[index].disk.end, world.peers[master].disk.end) == 0;
        if foreign && world.core(index).view().role == Role::Master {
            world.crash(index);
            let role = Role::Replica;
            world.start(
                index,
                Start {
                    role,
                    ..Start::default()
                },
            )?;
        }
    }
    Ok(())
}

/// Two grids that were founded apart have a master each: neither finds its place beside the other.
fn is_of_one_database(world: &World) -> bool {
    let history = &world.oracle.history;
    let registries = world.peers.iter().take(world.setup.registries);
    let ends: Vec<_> = registries.map(|peer| peer.disk.end).collect();
    let mut held = ends.iter().filter(|end| history.serial(**end) > 0);
    let first = held.next().copied();
    held.all(|end| first.is_none_or(|first| history.fork(first, *end) > 0))
}

/// Someone whom all others can follow, if there is one, and else anyone. False: it takes force.
fn choose(world: &mut World) -> (usize, bool) {
    let peers = world.setup.registries;
    let history = &world.oracle.history;
    let covers = |one: usize| {
        let end = world.peers[one].disk.end;
        let me = &world.peers[one].card.name;
        let recorded = history.log(end).any(|(_, place)| place.records.as_ref() == Some(me));
        // In doubt about copies, it would wait for others to prove that nothing is missing.
        let mut disks = world.peers.iter().take(peers).map(|peer| &peer.disk);
        let unproven = disks.any(|disk| disk.identity.initialised.unproven.is_some());
        recorded
            && !(unproven && world.setup.require_proof)
            && (0..peers).all(|other| {
                let theirs = world.peers[other].disk.end;
                let fork = history.fork(end, theirs);
                history.updates_after(theirs, fork) == 0 && (fork > 0 || history.serial(theirs) == 0)
            })
    };
    let good: Vec<usize> = (0..peers).filter(|one| covers(*one)).collect();
    if good.is_empty() {
        let holds = |one: &usize| history.serial(world.peers[*one].disk.end) > 0;
        let holders: Vec<usize> = (0..peers).filter(holds).collect();
        if holders.is_empty() {
            (world.chance.index(peers), false)
        } else {
            (world.chance.pick(&holders), false)
        }
    } else {
        (world.chance.pick(&good), true)
    }
}

/// Who holds updates that the master lacks, or another database.
fn surplus(world: &World, master: usize) -> Vec<bool> {
    let history = &world.oracle.history;
    let end = world.peers[master].disk.end;
    let beyond = |peer: &Peer| {
        let fork = history.fork(end, peer.disk.end);
        history.updates_after(peer.disk.end, fork) > 0 || (fork == 0 && history.serial(peer.disk.end) > 0)
    };
    world.peers.iter().take(world.setup.registries).map(beyond).collect()
}

fn is_settled(world: &World, master: usize, index: usize, surplus: bool) -> bool {
    if index == master {
        return true;
    }
    let same = world.peers[index].disk.end == world.peers[master].disk.end;
    let standing = world.standing(index);
    if surplus {
        let refuses = [
            Standing::Superseded,
            Standing::Refusing,
            Standing::Outdated,
            Standing::Detached,
            Standing::Waiting,
            // Only in a database of its own.
            Standing::Leading,
            Standing::Following,
        ];
        let foreign = world
            .oracle
            .history
            .fork(world.peers[index].disk.end, world.peers[master].disk.end)
            == 0;
        let apart = foreign || !matches!(standing, Standing::Leading | Standing::Following);
        !same && apart && refuses.contains(&standing)
    } else {
        let attached = world
            .core(master)
            .view()
            .followers
            .contains_key(&world.peers[index].card.name);
        same && attached && standing == Standing::Following
    }
}

/// An update reaches everybody who follows. False: too few follow for it to be acknowledged.
fn last_update(world: &mut World, master: usize, surplus: &[bool]) -> Result<bool, String> {
    world.run(2_000)?;
    // Only whom the log names counts as a copy.
    let recorded = &world.core(master).database().deployment().registries;
    let counts = |index: usize| recorded.contains_key(&world.peers[index].card.name);
    let in_line = surplus.iter().enumerate().filter(|(_, beyond)| !**beyond);
    let all = u64::try_from(in_line.clone().count()).expect("few");
    let following = in_line.filter(|(index, _)| counts(*index)).count();
    let following = u64::try_from(following).expect("few");
    let nodes: Vec<PeerName> = world
        .nodes()
        .map(|index| world.peers[index].card.name.clone())
        .collect();
    let application = workload::everywhere("last", &nodes);
    let to = world.deploy(master, application, RequestId::from_bits(u128::MAX))?;
    world.until(QUIET, "the last update is answered", |world| {
        world.response(to).is_some()
    })?;
    match world.response(to) {
        // Who joins meanwhile counts as well.
        Some(Response::Applied(report)) if (following..=all).contains(&report.copies) => Ok(true),
        Some(Response::Failed(_)) if following < world.setup.min_copies => Ok(false),
        // Those who were there before it must have enough copies too, and some of them refuse.
        Some(Response::Failed(_)) if world.core(master).database().joining().is_some() => Ok(false),
        other => Err(format!(
            "the last update, with {following} registries in line: {other:?}"
        )),
    }
}

/// When nothing happens, little is said.
fn rest(world: &mut World) -> Checked {
    world.run(2_000)?;
    let before = world.steps;
    world.run(5_000)?;
    let said = world.steps - before;
    let peers = u64::try_from(world.peers.len()).expect("few");
    if said > 5 * peers * peers * 20 {
        return Err(format!("{said} events in five quiet seconds"));
    }
    Ok(())
}
