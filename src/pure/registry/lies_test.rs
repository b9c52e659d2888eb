//! Peers that lie: about the highest epoch, the serial, the digest, the database, in every message and by gossip. Nothing of
//! the log changes, no number is believed that no grid came to, and nobody is locked out for ever.

use super::effect::Effect;
use super::event::Event;
use super::fixture::{Bench, card, peer};
use crate::pure::base::limits::EPOCH_JUMP_MAX;
use crate::pure::base::{DatabaseId, EpochId, RequestId, WallTime};
use crate::pure::lineage::claim::RefusalCode;
use crate::pure::lineage::{Digest, Entry, EntryKind, Epoch, Lineage, Reign, Summary, Version};
use crate::pure::locator::Load;
use crate::pure::membership::{Change, Member, Record, Role, Standing};
use crate::pure::protocol::report::NodeReport;
use crate::pure::protocol::{Message, Request, Status};
use proptest::prelude::*;
use std::collections::VecDeque;

/// Numbers that no grid came to.
const LIES: [u64; 3] = [u64::MAX, u64::MAX - 1, 1 << 40];

fn epoch(number: u64, id: u128) -> Epoch {
    Epoch {
        number,
        id: EpochId::from_bits(id),
    }
}

/// Two registries say to each other what they have to say, until there is nothing left.
fn talk(one: &mut Bench, other: &mut Bench, said: Vec<Effect>) {
    let (first, second) = (one.registry.name().clone(), other.registry.name().clone());
    let mut queue: VecDeque<(bool, Effect)> = said.into_iter().map(|effect| (true, effect)).collect();
    for _ in 0..1000 {
        let Some((by_first, effect)) = queue.pop_front() else {
            return;
        };
        let Effect::Send { to, message } = effect else { continue };
        let (listener, from, to_whom) = if by_first {
            (&mut *other, &first, &second)
        } else {
            (&mut *one, &second, &first)
        };
        if to == *to_whom {
            let said = listener.says(from.as_str(), message);
            queue.extend(said.into_iter().map(|effect| (!by_first, effect)));
        }
    }
    panic!("they talk for ever");
}

/// The master r1 and its replica r2, which has everything.
fn grid() -> (Bench, Bench) {
    let (mut master, mut replica) = (Bench::start("r1", Role::Master), Bench::start("r2", Role::Replica));
    let mut said = replica.link("r1");
    said.retain(|effect| !matches!(effect, Effect::Send { .. }));
    assert!(master.registry.reign().is_some());
    let said = master.link("r2");
    talk(&mut master, &mut replica, said);
    assert_eq!(replica.registry.standing().0, Standing::Following);
    assert_eq!(replica.status().summary, master.status().summary);
    (master, replica)
}

/// Everything by which a peer can name an epoch number, around an honest summary.
fn messages(number: u64, honest: &Status) -> Vec<Message> {
    let lie = epoch(number, 66);
    let status = |promise, claim| {
        Box::new(Status {
            promise,
            claim,
            ..honest.clone()
        })
    };
    let mut reigned = honest.clone();
    reigned.summary.lineage.0.push(Reign {
        epoch: lie,
        by: peer("r9"),
        first: reigned.summary.end.serial + 1,
    });
    reigned.summary.end = Version {
        epoch: number,
        serial: reigned.summary.end.serial + 1,
        digest: Digest([9; 32]),
    };
    (reigned.promise, reigned.claim) = (lie, Some(lie));
    let version = reigned.summary.end;
    let (database, text) = (honest.summary.database, String::new());
    let mut node = NodeReport {
        obeys: lie,
        applied: Some(version),
        database,
        unfit: false,
        held: Vec::new(),
        kept: Vec::new(),
        load: Load::default(),
        host: "h".to_owned(),
        load_longer: (Load::default(), Load::default()),
        drained: false,
        labels: std::collections::BTreeMap::new(),
        means: String::new(),
    };
    let mut messages = vec![
        Message::Status(status(lie, None)),
        Message::Status(status(honest.promise, Some(lie))),
        Message::Status(Box::new(reigned)),
        Message::Prepare { epoch: lie, database },
        Message::Promised {
            epoch: honest.promise,
            status: Some(status(lie, Some(lie))),
        },
        Message::Declined {
            epoch: honest.promise,
            promise: lie,
        },
        Message::Have { epoch: lie, version },
        Message::SnapshotNext {
            epoch: lie,
            version,
            offset: u64::MAX,
        },
        Message::Follow {
            epoch: lie,
            summary: Box::new(honest.summary.clone()),
        },
        Message::NodeStatus(Box::new(node.clone())),
    ];
    node.database = None;
    messages.push(Message::NodeStatus(Box::new(node)));
    for code in RefusalCode::ALL {
        // A corrupt disk is no matter of numbers, and stops the master on purpose.
        if code != RefusalCode::Corrupt {
            messages.push(Message::Refusal {
                epoch: honest.promise,
                code,
                promise: lie,
                text: text.clone(),
            });
        }
    }
    messages
}

/// Gossip that says the same.
fn gossip(number: u64, from: &str) -> Event {
    let record = Record {
        card: card(from),
        role: Some(Role::Master),
        standing: Some(Standing::Leading),
        claim: Some(epoch(number, 66)),
        version: None,
        obeys: epoch(number, 66),
        servers: None,
    };
    Event::Members(vec![Change::Seen(Box::new(Member { record, alive: true }))])
}

#[test]
fn no_number_of_a_liar_moves_a_grid_or_locks_it_out() {
    for number in LIES {
        let (mut master, mut replica) = grid();
        for (bench, standing) in [(&mut master, Standing::Leading), (&mut replica, Standing::Following)] {
            let before = bench.status();
            for liar in ["r9", "n9"] {
                bench.link(liar);
                for message in messages(number, &before) {
                    let what = format!("{number}: {message:?}");
                    bench.says(liar, message);
                    let after = bench.status();
                    assert_eq!(
                        (&after.summary, after.promise),
                        (&before.summary, before.promise),
                        "{what}"
                    );
                    assert_eq!(bench.registry.standing().0, standing, "{what}");
                }
                bench.event(gossip(number, liar));
                bench.ask(Request::Status);
                bench.ask(Request::Registry);
            }
            // The next master, of an honest number, is still obeyed.
            bench.link("r3");
            let (next, database) = (epoch(before.promise.number + 1, 3), before.summary.database);
            bench.says("r3", Message::Prepare { epoch: next, database });
            assert_eq!(bench.registry.promise(), next);
        }
    }
}

#[test]
fn a_claim_that_no_grid_came_to_is_refused_in_words() {
    let (mut master, mut replica) = grid();
    for bench in [&mut master, &mut replica] {
        bench.link("r9");
        let mut status = bench.status();
        status.claim = Some(epoch(u64::MAX, 66));
        let said = bench.says("r9", Message::Status(Box::new(status)));
        let refusal = said.iter().find_map(|effect| match effect {
            Effect::Send {
                message: Message::Refusal { code, text, .. },
                ..
            } => Some((*code, text.clone())),
            _ => None,
        });
        let (code, text) = refusal.expect("it is told");
        assert_eq!(code, RefusalCode::EpochJump);
        assert!(text.contains("18446744073709551615") && text.contains("r9"), "{text}");
    }
}

/// A newcomer believes more, because it knows nothing: still not so much that it could not be overruled.
#[test]
fn whoever_was_lied_to_at_the_first_start_can_be_overruled() {
    for number in LIES {
        let mut bench = Bench::start("r2", Role::Replica);
        let honest = Bench::start("r1", Role::Master).status();
        bench.link("r9");
        for message in messages(number, &honest) {
            bench.says("r9", message);
        }
        let promise = bench.registry.promise().number;
        assert!(promise <= 1 << 32, "{number}: promised {promise}");
        bench.link("r3");
        let next = epoch(promise + EPOCH_JUMP_MAX, 3);
        let database = honest.summary.database;
        bench.says("r3", Message::Prepare { epoch: next, database });
        assert_eq!(bench.registry.promise(), next, "{number}");
    }
}

/// A candidate counts from what it hears: not from a lie, whoever tells it and at which step.
#[test]
fn a_candidate_draws_no_number_from_a_lie() {
    for number in LIES {
        let mut bench = Bench::start("r1", Role::Master);
        let before = bench.registry.promise().number;
        let lie = epoch(number, 66);
        bench.link("r9");
        // Deposed by an honest candidate that never comes to reign, it looks around again, among liars.
        let database = bench.registry.database().id();
        bench.link("r3");
        let next = epoch(before + 1, 3);
        bench.says("r3", Message::Prepare { epoch: next, database });
        for _ in 0..20 {
            let mut status = bench.status();
            (status.promise, status.claim) = (lie, None);
            bench.says("r9", Message::Status(Box::new(status)));
            let epoch = bench.registry.promise();
            bench.says("r9", Message::Declined { epoch, promise: lie });
            bench.event(Event::Wake);
        }
        let promise = bench.registry.promise().number;
        assert!(promise < before + 100, "{number}: {promise} was drawn");
    }
}

/// The master that is followed sends entries of a later reign than its own: they would raise the promise at the next start.
#[test]
fn a_master_feeds_no_entries_of_a_reign_beyond_its_own() {
    let (master, mut replica) = grid();
    let before = replica.status();
    let (id, end) = (before.summary.database.unwrap(), before.summary.end);
    let genuine = master.registry.database().entry(end.serial).unwrap();
    let entry = Entry {
        serial: end.serial + 1,
        epoch: epoch(u64::MAX, 66),
        kind: EntryKind::Reign,
        request: RequestId::from_bits(5),
        actor: String::new(),
        time: WallTime(0),
        bytes: master.registry.database().entry(1).unwrap().bytes.clone(),
        digest: Digest::default(),
    };
    assert!(genuine.epoch.number < entry.epoch.number);
    let feed = Message::Entries {
        epoch: before.promise,
        previous: end.serial,
        previous_digest: end.digest,
        entries: vec![entry.sealed(id, &end.digest)],
    };
    replica.says("r1", feed);
    let after = replica.status();
    assert_eq!((after.summary, after.promise), (before.summary, before.promise));
    let (standing, reason) = replica.registry.standing();
    assert_eq!(standing, Standing::Refusing);
    assert!(
        reason.contains("CORRUPT") && reason.contains("another epoch"),
        "{reason}"
    );
}

fn any_number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..8_u64,
        Just(u64::MAX),
        Just(u64::MAX - 1),
        Just(1 << 40),
        any::<u64>()
    ]
}
fn any_epoch() -> impl Strategy<Value = Epoch> {
    (any_number(), 0..4_u128).prop_map(|(number, id)| epoch(number, id))
}
fn any_version() -> impl Strategy<Value = Version> {
    (any_number(), any_number(), 0..3_u8).prop_map(|(epoch, serial, digest)| Version {
        epoch,
        serial,
        digest: Digest([digest; 32]),
    })
}
/// Lineages that contradict themselves are among them.
fn any_summary() -> impl Strategy<Value = Summary> {
    let reign = (any_epoch(), any_number()).prop_map(|(epoch, first)| Reign {
        epoch,
        by: peer("r9"),
        first,
    });
    let parts = (
        prop::option::of(0..3_u128),
        prop::collection::vec(reign, 0..4),
        any_version(),
        prop::collection::btree_map(any_number(), Just(Digest([1; 32])), 0..3),
    );
    parts.prop_map(|(database, reigns, end, checks)| Summary {
        database: database.map(DatabaseId::from_bits),
        lineage: Lineage(reigns),
        end,
        checks,
    })
}
fn any_status() -> impl Strategy<Value = Status> {
    let parts = (any_epoch(), prop::option::of(any_epoch()), any_summary());
    parts.prop_map(|(promise, claim, summary)| Status {
        promise,
        claim,
        summary,
        standing: Standing::Leading,
        reason: String::new(),
        unproven: false,
        drawn: None,
        preparing: false,
        allocations: crate::pure::allocation::Mark::default(),
    })
}
fn any_entry() -> impl Strategy<Value = Entry> {
    let bytes = prop::collection::vec(any::<u8>(), 0..20);
    (any_number(), any_epoch(), bytes, any::<bool>()).prop_map(|(serial, epoch, bytes, reign)| Entry {
        serial,
        epoch,
        kind: if reign {
            EntryKind::Reign
        } else {
            EntryKind::PutApplication
        },
        request: RequestId::from_bits(1),
        actor: "liar".to_owned(),
        time: WallTime(0),
        bytes,
        digest: Digest([1; 32]),
    })
}
fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        any_status().prop_map(|status| Message::Status(Box::new(status))),
        (any_epoch(), prop::option::of(0..3_u128)).prop_map(|(epoch, id)| Message::Prepare {
            epoch,
            database: id.map(DatabaseId::from_bits)
        }),
        (any_epoch(), prop::option::of(any_status())).prop_map(|(epoch, status)| Message::Promised {
            epoch,
            status: status.map(Box::new)
        }),
        (any_epoch(), any_epoch()).prop_map(|(epoch, promise)| Message::Declined { epoch, promise }),
        (any_epoch(), 0..7_usize, any_epoch()).prop_map(|(epoch, code, promise)| Message::Refusal {
            epoch,
            code: RefusalCode::ALL[code],
            promise,
            text: "lie".to_owned()
        }),
        (any_epoch(), any_summary()).prop_map(|(epoch, summary)| Message::Follow {
            epoch,
            summary: Box::new(summary)
        }),
        (any_epoch(), any_version()).prop_map(|(epoch, version)| Message::Have { epoch, version }),
        (any_epoch(), any_version(), any_number()).prop_map(|(epoch, version, offset)| Message::SnapshotNext {
            epoch,
            version,
            offset
        }),
        (any_epoch(), any_number(), prop::collection::vec(any_entry(), 0..3)).prop_map(|(epoch, previous, entries)| {
            Message::Entries {
                epoch,
                previous,
                previous_digest: Digest([1; 32]),
                entries,
            }
        }),
        (any_epoch(), any_version(), any_number(), any_number()).prop_map(|(epoch, version, offset, total)| {
            Message::Snapshot {
                epoch,
                version,
                offset,
                total,
                digest: Digest([1; 32]),
                bytes: vec![1, 2, 3],
            }
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is said: nothing panics, and not one entry of the log is lost or exchanged.
    #[test]
    fn whatever_a_liar_says_the_log_keeps_every_entry(said in prop::collection::vec(any_message(), 1..12)) {
        let (mut master, mut replica) = grid();
        for bench in [&mut master, &mut replica] {
            let before = bench.status();
            for (index, message) in said.iter().enumerate() {
                // Half of it comes from whom the replica follows.
                let liar = if index % 2 == 0 { "r9" } else { "r1" };
                if !bench.registry.name().as_str().eq(liar) {
                    bench.link(liar);
                    bench.says(liar, message.clone());
                }
                bench.event(Event::Wake);
                bench.ask(Request::Status);
                bench.ask(Request::Registry);
                bench.ask(Request::Peers);
            }
            let database = bench.registry.database();
            let (serial, digest) = (before.summary.end.serial, before.summary.end.digest);
            prop_assert_eq!(database.digest_at(serial), Some(digest));
            prop_assert_eq!(database.id(), before.summary.database);
            prop_assert!(bench.registry.promise().number <= before.promise.number + 100 * EPOCH_JUMP_MAX);
        }
    }
}
