//! Initialisations between cores: who may be taken from, what is kept, what stays, and every way that changes nothing.

use super::*;
use crate::pure::base::{DatabaseId, EpochId, RequestId, WallTime};
use crate::pure::lineage::{Digest, Entry, Epoch, Version};
use crate::pure::membership::{Identity, Standing, Unproven};
use crate::pure::model::RegistryRecord;
use crate::pure::model::fixture::application;
use crate::pure::protocol::{Request, Status, SurplusKind};
use crate::pure::registry::effect::{Image, Kept, SetAside};
use crate::pure::registry::event::Event;
use crate::pure::registry::fixture::{Bench, card, peer};
use crate::pure::registry::payload::{ApplicationPayload, Payload, ReignPayload};
use crate::pure::registry::{Initdb, ReplyTo};
use std::sync::Arc;

fn epoch(number: u64, by: &str) -> Epoch {
    Epoch {
        number,
        id: EpochId::from_bits(by.bytes().map(u128::from).sum::<u128>() + u128::from(number)),
    }
}

fn empty() -> Database {
    Database::restore(Image::default()).unwrap()
}

/// A log that goes on from another: `by` reigns, and puts these applications.
fn grown(from: &Database, by: &str, number: u64, puts: &[&str]) -> Database {
    let mut database = from.clone();
    if database.id().is_none() {
        drop(database.belong_to(DatabaseId::from_bits(77)));
    }
    let reign = Payload::Reign(ReignPayload {
        by: peer(by),
        accepted_loss: false,
        forced: false,
        proof: String::new(),
    });
    let records = ["r1", "r2"].map(|name| {
        Payload::PutRegistry(RegistryRecord {
            name: peer(name),
            address: card(name).address,
        })
    });
    let recorded = !from.deployment().registries.is_empty();
    let mut payloads: Vec<Payload> = [reign].into_iter().collect();
    payloads.extend(records.into_iter().filter(|_| !recorded));
    payloads.extend(puts.iter().map(|name| put(&database, name)));
    for payload in payloads {
        append(&mut database, &payload, epoch(number, by), 1000);
    }
    database
}

fn put(database: &Database, name: &str) -> Payload {
    let descriptor = application(&format!(
        "application = \"{name}\"\n[[node.n1.server]]\nid = \"{name}-1\"\nrun = [\"/bin/true\"]\n"
    ));
    let before = database.deployment().applications.get(&descriptor.name);
    Payload::PutApplication(ApplicationPayload {
        revision: before.map_or(0, |record| record.revision) + 1,
        descriptor: descriptor.into(),
        changes: None,
        rolled_back_to: None,
    })
}

fn append(database: &mut Database, payload: &Payload, epoch: Epoch, keep: u64) {
    let end = database.end();
    let entry = Entry {
        serial: end.serial + 1,
        epoch,
        request: RequestId::from_bits(
            (u128::from(epoch.number) << 64) + u128::from(end.serial) + u128::from(end.digest.0[0]),
        ),
        actor: "ann@office".to_owned(),
        time: WallTime(5),
        kind: payload.kind(),
        bytes: payload.to_bytes(),
        digest: Digest::default(),
    };
    let entry = entry.sealed(database.id().unwrap(), &end.digest);
    database.append(Arc::new(entry), keep).unwrap();
}

fn names(database: &Database) -> Vec<String> {
    database
        .deployment()
        .applications
        .keys()
        .map(ToString::to_string)
        .collect()
}

/// A registry that holds `database` and waits for whoever leads.
fn replica(name: &str, database: &Database, promise: Epoch) -> Bench {
    let mut bench = Bench::of(name, Role::Replica, database.clone(), |_, identity| {
        identity.promise = promise;
        identity.role = Some(Role::Replica);
        identity.file_role = Some(Role::Replica);
    });
    bench.event(Event::Started);
    bench
}

fn initialise(from: &str, from_unproven: bool) -> Event {
    Event::Request {
        to: ReplyTo(1),
        actor: "ann@office".to_owned(),
        deadline: Duration::from_mins(2),
        request: Box::new(Request::Initialise {
            from: peer(from),
            from_unproven,
        }),
    }
}

/// Two linked registries: what one says the other hears; the shell of the first keeps databases, or cannot.
struct Pair {
    taker: Bench,
    giver: Bench,
    /// What the taker's shell did, in order, but for what it said.
    done: Vec<Effect>,
    answers: Vec<Response>,
    keeps: Result<Kept, String>,
    /// What happens to a part on its way.
    spoil: Spoil,
}

type Spoil = fn(&mut CopyPart);

impl Pair {
    fn new(taker: Bench, giver: Bench) -> Self {
        let kept = Kept {
            database: "database.replaced".to_owned(),
            bytes: 1,
            bytes_total: 2,
            surplus: "surplus.json".to_owned(),
        };
        let mut pair = Self {
            taker,
            giver,
            done: Vec::new(),
            answers: Vec::new(),
            keeps: Ok(kept),
            spoil: |_| {},
        };
        let (a, b) = (
            pair.taker.registry.name().to_string(),
            pair.giver.registry.name().to_string(),
        );
        let mut first = pair.taker.link(&b);
        let second = pair.giver.link(&a);
        pair.reach_taker(second, &mut first);
        pair.settle(first);
        pair
    }
    fn ask(&mut self, event: Event) {
        let effects = self.taker.event(event);
        self.settle(effects);
    }
    /// Delivers until nobody says anything.
    fn settle(&mut self, effects: Vec<Effect>) {
        let mut open = effects;
        for _ in 0..10_000 {
            if open.is_empty() {
                return;
            }
            let mut next = Vec::new();
            for effect in open {
                self.carry_out(effect, &mut next);
            }
            open = next;
        }
        panic!("they talk for ever");
    }
    fn carry_out(&mut self, effect: Effect, next: &mut Vec<Effect>) {
        match effect {
            Effect::Send { to, message } if to == *self.giver.registry.name() => {
                let from = self.taker.registry.name().to_string();
                let answers = self.giver.says(&from, message);
                self.reach_taker(answers, next);
            }
            Effect::Reply { response, .. } => self.answers.push(response),
            Effect::SetAside(wanted) => {
                self.done.push(Effect::SetAside(wanted));
                next.extend(self.taker.event(Event::SetAside(self.keeps.clone())));
            }
            Effect::Identity(_) | Effect::Commit(_) => self.done.push(effect),
            _ => {}
        }
    }
    fn reach_taker(&mut self, effects: Vec<Effect>, next: &mut Vec<Effect>) {
        let from = self.giver.registry.name().to_string();
        for effect in effects {
            let Effect::Send { to, mut message } = effect else {
                continue;
            };
            if to != *self.taker.registry.name() {
                continue;
            }
            if let Message::Copy(part) = &mut message {
                (self.spoil)(part);
            }
            next.extend(self.taker.says(&from, message));
        }
    }
    /// The last answer.
    fn report(&self) -> &InitialisedReport {
        match self.answers.last() {
            Some(Response::Initialised(report)) => report,
            other => panic!("{other:?}"),
        }
    }
    fn failure(&self) -> &Failure {
        match self.answers.last() {
            Some(Response::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }
    fn aside(&self) -> &SetAside {
        let aside = self.done.iter().find_map(|effect| match effect {
            Effect::SetAside(wanted) => Some(wanted.as_ref()),
            _ => None,
        });
        aside.expect("the old database was set aside")
    }
    fn unproven(&self) -> Option<&Unproven> {
        self.taker.registry.identity.initialised.unproven.as_ref()
    }
}

#[test]
fn who_is_taken_from_follows_from_the_relation_and_the_standing() {
    let common = grown(&empty(), "r1", 1, &["a"]);
    let mine = grown(&common, "r2", 2, &["mine"]);
    let theirs = grown(&common, "r3", 4, &["theirs"]);
    let mut stranger = empty();
    drop(stranger.belong_to(DatabaseId::from_bits(5)));
    let stranger = grown(&stranger, "r3", 9, &["a"]);
    let mut damaged = mine.summary();
    damaged.end.digest = Digest([9; 32]);
    let relations = [
        ("same", mine.summary()),
        ("older", common.summary()),
        ("empty", empty().summary()),
        ("newer", grown(&mine, "r3", 4, &["more"]).summary()),
        ("diverged", theirs.summary()),
        ("foreign", stranger.summary()),
        ("corrupt", damaged),
    ];
    let doubtful = [
        Standing::Refusing,
        Standing::Superseded,
        Standing::Outdated,
        Standing::Contested,
    ];
    for (relation, summary) in relations {
        for standing in Standing::ALL {
            for (unproven, allowed, with_me) in [
                (false, false, false),
                (false, false, true),
                (true, false, false),
                (false, true, false),
                (true, true, false),
            ] {
                let mut bench = replica("r1", &mine, epoch(2, "r2"));
                bench.registry.identity.drawn = with_me.then_some(epoch(9, "r1"));
                bench.link("r3");
                bench.event(initialise("r3", allowed));
                let promise = if with_me { epoch(9, "r1") } else { epoch(8, "r3") };
                let status = Status {
                    promise,
                    claim: (standing == Standing::Leading).then_some(promise),
                    summary: summary.clone(),
                    standing,
                    reason: String::new(),
                    unproven,
                    drawn: None,
                    preparing: false,
                    allocations: crate::pure::allocation::Mark::default(),
                };
                let effects = bench.says("r3", Message::Status(Box::new(status)));
                let seen = effects.iter().find_map(|effect| match effect {
                    Effect::Send {
                        message: Message::CopyWanted { offset: 0, .. },
                        ..
                    } => Some("takes"),
                    Effect::Reply {
                        response: Response::Initialised(report),
                        ..
                    } if !report.replaced => Some("needless"),
                    Effect::Reply {
                        response: Response::Failed(failure),
                        ..
                    } if failure.hint.contains("--from-unproven") => Some("refuses"),
                    _ => None,
                });
                let in_doubt = unproven || (doubtful.contains(&standing) && !with_me);
                let expected = match relation {
                    "same" | "older" | "empty" => "needless",
                    _ if in_doubt && !allowed => "refuses",
                    _ => "takes",
                };
                assert_eq!(
                    seen,
                    Some(expected),
                    "{relation}, {standing}, unproven {unproven}, allowed {allowed}, with me {with_me}: {effects:?}"
                );
            }
        }
    }
}

#[test]
fn a_diverged_database_is_kept_exported_and_replaced_and_the_promise_stays() {
    let common = grown(&empty(), "r1", 1, &["a"]);
    let mut mine = grown(&common, "r1", 2, &["b", "a"]);
    append(
        &mut mine,
        &Payload::RemoveApplication("b".parse().unwrap()),
        epoch(2, "r1"),
        1000,
    );
    let theirs = grown(&common, "r2", 3, &["c"]);
    let promise = epoch(7, "r9");
    let mut pair = Pair::new(replica("r1", &mine, promise), replica("r2", &theirs, epoch(3, "r2")));
    pair.ask(initialise("r2", false));

    let report = pair.report().clone();
    assert!(report.replaced && report.relation == "diverged", "{report:?}");
    assert_eq!((report.surplus, report.surplus_file.as_str()), (3, "surplus.json"));
    let taken = pair.taker.registry.database();
    assert_eq!((taken.end(), taken.id()), (theirs.end(), theirs.id()));
    assert_eq!(names(taken), ["a", "c"]);
    assert_eq!(pair.taker.registry.promise(), promise, "the higher promise stays");
    assert!(
        pair.unproven().is_some_and(|mark| mark.reason.contains("r2")),
        "{:?}",
        pair.unproven()
    );
    assert!(pair.taker.status().unproven);
    let page = pair.taker.registry.view().status();
    assert!(
        page.warnings.iter().any(|warning| warning.contains("r1 is unproven")),
        "{:?}",
        page.warnings
    );

    let aside = pair.aside();
    assert_eq!(aside.version, mine.end());
    let surplus = aside.surplus.as_ref().unwrap();
    let updates: Vec<(SurplusKind, &str, Option<u64>)> = surplus
        .updates
        .iter()
        .map(|update| (update.kind, update.name.as_str(), update.after_revision))
        .collect();
    let wanted = [
        (SurplusKind::PutApplication, "b", Some(0)),
        (SurplusKind::PutApplication, "a", Some(1)),
        (SurplusKind::RemoveApplication, "b", Some(1)),
    ];
    assert_eq!(updates, wanted);
    assert!(surplus.complete && surplus.fork == common.end().serial, "{surplus:?}");
    let request = mine.entry(surplus.updates[0].serial).unwrap().request;
    assert_eq!(surplus.updates[0].request, request, "each has its own old request id");

    let order: Vec<&str> = pair
        .done
        .iter()
        .map(|effect| match effect {
            Effect::SetAside(_) => "keep",
            Effect::Identity(_) => "identity",
            Effect::Commit(batch) if batch.wipe => "swap",
            _ => "other",
        })
        .collect();
    assert!(order.ends_with(&["keep", "identity", "swap"]), "{order:?}");
    let progress = pair
        .answers
        .iter()
        .filter(|answer| matches!(answer, Response::Initialising(_)));
    assert!(progress.count() >= 2, "{:?}", pair.answers);

    pair.ask(initialise("r2", false));
    assert!(
        !pair.report().replaced,
        "the second time there is nothing to do: {:?}",
        pair.report()
    );
}

#[test]
fn the_higher_promise_of_the_source_is_taken_over() {
    let common = grown(&empty(), "r1", 1, &["a"]);
    let theirs = grown(&common, "r2", 3, &["c"]);
    let mut pair = Pair::new(
        replica("r1", &common, epoch(1, "r1")),
        replica("r2", &theirs, epoch(6, "r9")),
    );
    pair.ask(initialise("r2", false));
    assert_eq!(pair.taker.registry.promise(), epoch(6, "r9"));
    assert!(
        pair.report().surplus_file == "surplus.json" && pair.aside().surplus.is_none(),
        "a prefix has no surplus"
    );
}

#[test]
fn an_empty_registry_just_takes_it() {
    let theirs = grown(&empty(), "r2", 3, &["c"]);
    let mut pair = Pair::new(
        replica("r1", &empty(), Epoch::NONE),
        replica("r2", &theirs, epoch(3, "r2")),
    );
    pair.ask(initialise("r2", false));
    assert!(
        pair.report().replaced && pair.report().kept_file.is_empty(),
        "{:?}",
        pair.report()
    );
    assert!(!pair.done.iter().any(|effect| matches!(effect, Effect::SetAside(_))));
    assert_eq!(pair.taker.registry.database().end(), theirs.end());
}

#[test]
fn a_log_that_was_trimmed_below_the_fork_is_exported_as_a_difference_of_states() {
    let common = grown(&empty(), "r1", 1, &["a", "gone", "same"]);
    let mut mine = common.clone();
    let reign = Payload::Reign(ReignPayload {
        by: peer("r1"),
        accepted_loss: false,
        forced: false,
        proof: String::new(),
    });
    for payload in [
        reign,
        put(&mine, "a"),
        put(&mine, "new"),
        Payload::RemoveApplication("gone".parse().unwrap()),
    ] {
        append(&mut mine, &payload, epoch(2, "r1"), 1);
    }
    let theirs = grown(&common, "r2", 3, &["c"]);
    let mut pair = Pair::new(
        replica("r1", &mine, epoch(2, "r1")),
        replica("r2", &theirs, epoch(3, "r2")),
    );
    pair.ask(initialise("r2", true));
    let surplus = pair.aside().surplus.as_ref().unwrap();
    assert!(
        !surplus.complete && surplus.note.contains("difference") | surplus.note.contains("differs"),
        "{surplus:?}"
    );
    let updates: Vec<(SurplusKind, &str, Option<u64>)> = surplus
        .updates
        .iter()
        .map(|update| (update.kind, update.name.as_str(), update.after_revision))
        .collect();
    let wanted = [
        (SurplusKind::PutApplication, "a", Some(1)),
        (SurplusKind::PutApplication, "new", Some(0)),
        (SurplusKind::RemoveApplication, "gone", Some(1)),
    ];
    assert_eq!(updates, wanted);
}

#[test]
fn a_copy_that_came_altered_or_cut_changes_nothing() {
    let common = grown(&empty(), "r1", 1, &["a"]);
    let theirs = grown(&common, "r2", 3, &["c"]);
    let spoils: [(&str, Spoil); 5] = [
        ("a flipped bit", |part| part.bytes[20] ^= 1),
        ("cut", |part| {
            part.bytes.truncate(100);
            part.total = 100;
        }),
        ("another end", |part| part.version.serial += 1),
        ("another digest", |part| part.digest = Digest([1; 32])),
        ("too large", |part| part.total = u64::MAX),
    ];
    for (what, spoil) in spoils {
        let mut pair = Pair::new(
            replica("r1", &common, epoch(1, "r1")),
            replica("r2", &theirs, epoch(3, "r2")),
        );
        pair.spoil = spoil;
        let done = pair.done.len();
        pair.ask(initialise("r2", false));
        let failure = pair.failure();
        assert!(failure.message.contains("r2"), "{what}: {failure:?}");
        assert_eq!(pair.taker.registry.database().end(), common.end(), "{what}");
        assert_eq!(pair.done.len(), done, "{what}: nothing was written: {:?}", pair.done);
    }
}

#[test]
fn what_cannot_be_kept_is_not_replaced() {
    let common = grown(&empty(), "r1", 1, &["a"]);
    let theirs = grown(&common, "r2", 3, &["c"]);
    let mut pair = Pair::new(
        replica("r1", &common, epoch(1, "r1")),
        replica("r2", &theirs, epoch(3, "r2")),
    );
    pair.keeps = Err("write database.replaced.new: No space left on device".to_owned());
    pair.ask(initialise("r2", false));
    assert!(pair.failure().message.contains("No space left"), "{:?}", pair.failure());
    assert_eq!(pair.taker.registry.database().end(), common.end());
    assert!(
        !pair.done.iter().any(|effect| matches!(effect, Effect::Commit(_))),
        "{:?}",
        pair.done
    );
    pair.keeps = Ok(Kept::default());
    pair.ask(initialise("r2", false));
    assert!(pair.report().replaced, "with room it goes");
}

#[test]
fn who_cannot_be_initialised_says_why_and_what_to_do() {
    let theirs = grown(&empty(), "r2", 3, &["c"]);
    let check = |bench: &mut Bench, from: &str, words: &[&str]| {
        let effects = bench.event(initialise(from, false));
        let failure = effects.iter().find_map(|effect| match effect {
            Effect::Reply {
                response: Response::Failed(failure),
                last: true,
                ..
            } => Some(failure),
            _ => None,
        });
        let failure = failure.unwrap_or_else(|| panic!("{from}: {effects:?}"));
        let text = format!("{} {}", failure.message, failure.hint);
        assert!(words.iter().all(|word| text.contains(word)), "{from}: {text}");
        assert!(
            !effects
                .iter()
                .any(|effect| matches!(effect, Effect::Commit(_) | Effect::Identity(_)))
        );
    };
    let mut bench = replica("r1", &theirs, epoch(3, "r2"));
    check(&mut bench, "r1", &["itself"]);
    check(&mut bench, "r8", &["no registry r8", "registry list"]);
    check(&mut bench, "r2", &["not in reach", "start r2"]);
    bench.link("n1");
    check(&mut bench, "n1", &["is a node"]);
    bench.link("r3");
    bench.event(initialise("r3", false));
    check(&mut bench, "r3", &["already"]);
    let mut master = Bench::start("r1", Role::Master);
    master.link("r2");
    check(&mut master, "r2", &["r1 leads", "--initdb-from-replica r2"]);
}

#[test]
fn two_that_take_from_each_other_do_not_exchange_what_they_hold() {
    let common = grown(&empty(), "r1", 1, &["a"]);
    let mine = grown(&common, "r1", 2, &["mine"]);
    let theirs = grown(&common, "r2", 3, &["theirs"]);
    let mut pair = Pair::new(
        replica("r1", &mine, epoch(2, "r1")),
        replica("r2", &theirs, epoch(3, "r2")),
    );
    pair.giver.event(initialise("r1", true));
    pair.ask(initialise("r2", true));
    assert!(
        pair.failure().message.contains("is being initialised itself"),
        "{:?}",
        pair.failure()
    );
    assert_eq!(pair.taker.registry.database().end(), mine.end());
}

#[test]
fn a_large_copy_comes_in_parts_and_a_lost_one_is_asked_for_again() {
    let theirs = large();
    let mut pair = Pair::new(
        replica("r1", &empty(), Epoch::NONE),
        replica("r2", &theirs, epoch(3, "r2")),
    );
    // The second part is lost, by being said to be of another copy: what comes behind it does not fit.
    pair.spoil = |part| part.id += u64::from(part.offset > 0);
    pair.ask(initialise("r2", false));
    assert!(pair.taker.registry.initialisation.is_some());
    // What was lost is asked for again after a second; the link heals.
    pair.spoil = |_| {};
    for _ in 0..3 {
        let effects = pair.taker.wait(Duration::from_millis(1100));
        pair.settle(effects);
    }
    assert!(pair.report().replaced);
    assert_eq!(pair.taker.registry.database().end(), theirs.end());
    let told: Vec<u64> = pair
        .answers
        .iter()
        .filter_map(|answer| match answer {
            Response::Initialising(report) if report.total > 0 => Some(report.done),
            _ => None,
        })
        .collect();
    assert!(told.len() >= 4 && told.is_sorted(), "{told:?}");
}

/// A database whose copy takes several parts.
fn large() -> Database {
    let mut database = grown(&empty(), "r2", 3, &[]);
    for number in 0..40 {
        let filler = "x".repeat(60_000);
        let text = format!(
            "application = \"big-{number}\"\n[[node.n1.server]]\nid = \"big-{number}\"\nrun = [\"/bin/true\"]\nenvironment = {{ A = \"{filler}\" }}\n"
        );
        let put = Payload::PutApplication(ApplicationPayload {
            revision: 1,
            descriptor: application(&text).into(),
            changes: None,
            rolled_back_to: None,
        });
        append(&mut database, &put, epoch(3, "r2"), 1000);
    }
    database
}

#[test]
fn a_promise_to_another_grid_is_not_carried_into_this_one() {
    let theirs = grown(&empty(), "r2", 3, &["c"]);
    let mut foreign = empty();
    drop(foreign.belong_to(DatabaseId::from_bits(5)));
    let foreign = grown(&foreign, "r1", 1, &["z"]);
    for (promise, taken) in [
        (epoch(1, "r1"), true),
        (epoch(3, "r9"), false),
        (epoch(50, "r1"), false),
    ] {
        let mut pair = Pair::new(replica("r1", &foreign, promise), replica("r2", &theirs, epoch(3, "r2")));
        pair.ask(initialise("r2", false));
        if taken {
            assert_eq!(pair.report().relation, "foreign");
            assert_eq!(pair.aside().surplus.as_ref().unwrap().fork, 0);
            assert_eq!(pair.taker.registry.promise(), epoch(3, "r2"));
        } else {
            assert!(
                pair.failure().hint.contains("move its data folder away"),
                "{:?}",
                pair.failure()
            );
            assert_eq!(pair.taker.registry.database().end(), foreign.end());
        }
    }
}

#[test]
fn a_broken_link_and_a_passed_deadline_end_it_without_a_change() {
    let theirs = grown(&empty(), "r2", 3, &["c"]);
    let failure = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|effect| match effect {
            Effect::Reply {
                response: Response::Failed(failure),
                ..
            } => Some(failure),
            _ => None,
        })
    };
    let mut bench = replica("r1", &theirs, epoch(3, "r2"));
    bench.link("r2");
    bench.event(initialise("r2", false));
    let effects = bench.event(Event::Unlinked {
        peer: peer("r2"),
        reason: "closed".to_owned(),
    });
    assert!(failure(effects).is_some_and(|failure| failure.message.contains("not in reach")));
    bench.link("r2");
    bench.event(initialise("r2", false));
    let effects = bench.wait(Duration::from_secs(6));
    assert!(failure(effects).is_some_and(|failure| failure.message.contains("does not answer")));
    assert!(bench.registry.initialisation.is_none());
}

/// A start with the flag.
fn flagged(role: Role, database: &Database, past: impl FnOnce(&mut Identity)) -> Bench {
    let mut bench = Bench::of("r1", role, database.clone(), |config, identity| {
        config.initdb = Some(Initdb {
            from: peer("r2"),
            from_unproven: false,
            damaged: false,
        });
        identity.role = Some(role);
        identity.file_role = Some(role);
        identity.promise = epoch(2, "r1");
        past(identity);
    });
    bench.event(Event::Started);
    bench
}

#[test]
fn a_start_with_the_flag_waits_takes_and_goes_on_as_its_role_says() {
    let common = grown(&empty(), "r1", 1, &["a"]);
    let mine = grown(&common, "r1", 2, &["mine"]);
    let theirs = grown(&common, "r2", 3, &["theirs"]);
    for role in [Role::Master, Role::Replica] {
        let mut bench = flagged(role, &mine, |_| {});
        let (standing, reason) = bench.registry.standing();
        assert_eq!(standing, Standing::Waiting);
        assert!(
            reason.contains("r2") && reason.contains("--initdb-from-replica"),
            "{reason}"
        );
        bench.wait(Duration::from_secs(20));
        assert_eq!(bench.registry.standing().0, Standing::Waiting, "it waits visibly");
        assert_eq!(bench.registry.reign(), None);

        let mut pair = Pair::new(bench, replica("r2", &theirs, epoch(3, "r2")));
        assert_eq!(names(pair.taker.registry.database()), ["a", "theirs"]);
        assert_eq!(pair.taker.registry.identity.initialised.flag, Some(peer("r2")));
        let later = pair.taker.wait(Duration::from_secs(4));
        pair.settle(later);
        let standing = pair.taker.registry.standing();
        if role == Role::Replica {
            assert_eq!(standing.0, Standing::Detached);
            continue;
        }
        // It had promised 2 and r2 obeys 3, to a candidate that is not in sight: as for any restarted master.
        assert!(standing.1.contains("floe registry promote r1"), "{standing:?}");
    }
}

#[test]
fn an_empty_master_that_was_given_a_database_leads() {
    let theirs = grown(&empty(), "r2", 3, &["theirs"]);
    let bench = flagged(Role::Master, &empty(), |identity| {
        (identity.role, identity.file_role, identity.promise) = (None, None, Epoch::NONE);
    });
    let pair = Pair::new(bench, replica("r2", &theirs, epoch(3, "r2")));
    assert_eq!(
        pair.taker.registry.reign().map(|epoch| epoch.number),
        Some(4),
        "{:?}",
        pair.taker.registry.standing()
    );
    assert_eq!(names(pair.taker.registry.database()), ["theirs"]);
    let proof = pair.taker.registry.view().proof;
    assert!(
        !proof.contains("proven: nothing"),
        "it does not count in its own proof: {proof}"
    );
}

#[test]
fn a_flag_that_was_forgotten_throws_nothing_away() {
    let common = grown(&empty(), "r1", 1, &["a"]);
    let mine = grown(&common, "r1", 2, &["mine"]);
    let theirs = grown(&common, "r2", 3, &["theirs"]);
    let done = |identity: &mut Identity| identity.initialised.flag = Some(peer("r2"));
    let bench = flagged(Role::Replica, &mine, done);
    assert_eq!(bench.registry.standing().0, Standing::Detached, "it waits for nobody");
    let pair = Pair::new(bench, replica("r2", &theirs, epoch(3, "r2")));
    assert_eq!(pair.taker.registry.database().end(), mine.end());

    let mut plain = Bench::of("r1", Role::Replica, mine.clone(), |_, identity| done(identity));
    let effects = plain.event(Event::Started);
    assert_eq!(
        plain.registry.identity.initialised.flag, None,
        "a start without it arms it again"
    );
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Identity(_))));

    let contained = flagged(Role::Replica, &grown(&theirs, "r2", 4, &["more"]), |_| {});
    let pair = Pair::new(contained, replica("r2", &theirs, epoch(3, "r2")));
    assert_eq!(
        pair.taker.registry.identity.initialised.flag,
        Some(peer("r2")),
        "needless counts as done"
    );
    assert!(
        pair.done
            .iter()
            .all(|effect| !matches!(effect, Effect::Commit(_) | Effect::SetAside(_)))
    );
}

#[test]
fn a_replica_gives_the_wait_at_its_start_up_and_a_master_does_not() {
    let mine = grown(&empty(), "r1", 2, &["mine"]);
    for (role, waits) in [(Role::Replica, false), (Role::Master, true)] {
        let mut bench = flagged(role, &mine, |_| {});
        for _ in 0..70 {
            bench.wait(Duration::from_secs(1));
        }
        assert_eq!(bench.registry.initialisation.is_some(), waits, "{role}");
        assert_eq!(
            bench.registry.identity.initialised.flag, None,
            "the next start tries again"
        );
        assert_eq!(bench.registry.reign(), None);
    }
}

#[test]
fn the_mark_goes_when_the_leading_master_has_been_caught_up_with() {
    let common = grown(&empty(), "r1", 1, &["a"]);
    let theirs = grown(&common, "r2", 3, &["c"]);
    let mut follower = replica("r1", &theirs, epoch(3, "r2"));
    follower.registry.identity.initialised.unproven = Some(Unproven {
        reason: "test".to_owned(),
        until: None,
    });
    let mut ahead = grown(&theirs, "r2", 5, &[]);
    let more = put(&ahead, "d");
    append(&mut ahead, &more, epoch(5, "r2"), 1000);
    follower.link("r2");
    let status = |database: &Database, unproven| {
        Message::Status(Box::new(Status {
            promise: epoch(5, "r2"),
            claim: Some(epoch(5, "r2")),
            summary: database.summary(),
            standing: Standing::Leading,
            reason: String::new(),
            unproven,
            drawn: None,
            preparing: false,
            allocations: crate::pure::allocation::Mark::default(),
        }))
    };
    follower.says("r2", status(&theirs, false));
    assert_eq!(follower.registry.standing().0, Standing::Following);
    follower.says("r2", status(&ahead, false));
    let mark = follower.registry.identity.initialised.unproven.clone();
    assert_eq!(
        mark.and_then(|mark| mark.until),
        Some(ahead.end()),
        "what the master held when it attached"
    );
    let version = |database: &Database| -> Version { database.end() };
    let entries = ahead.entries_after(theirs.end().serial, 100, usize::MAX);
    let entries = entries.iter().map(|entry| entry.as_ref().clone()).collect();
    follower.says(
        "r2",
        Message::Entries {
            epoch: epoch(5, "r2"),
            previous: version(&theirs).serial,
            previous_digest: version(&theirs).digest,
            entries,
        },
    );
    assert_eq!(follower.registry.database().end(), ahead.end());
    assert_eq!(follower.registry.identity.initialised.unproven, None);
    assert!(!follower.status().unproven);
}
