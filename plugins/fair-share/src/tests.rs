//! Through the C table: queues in, the order of service out.

use super::FairShare;
use floe_plugin_sdk::abi;
use floe_plugin_sdk::harness::{CandidateSpec, Fault, Harness, LeaseSpec, RequestSpec, WaitingSpec, check_keys};
use proptest::prelude::*;

const NAMES: [&str; 4] = ["bronze", "silver", "gold", "platinum"];
/// By index of [`NAMES`].
const WEIGHTS: [f64; 4] = [1.0, 2.0, 4.0, 8.0];
const WEIGHED: &str = r#"{"half_life_s":0,"weights":{"silver":2,"gold":4,"platinum":8}}"#;

fn harness(config: &str) -> Harness {
    Harness::create::<FairShare>(config).unwrap()
}

fn waiting(name: &str, priority: i32, since_ms: u64) -> WaitingSpec {
    WaitingSpec {
        request: RequestSpec {
            principal: name.to_owned(),
            priority,
            ..RequestSpec::default()
        },
        since_ms,
        passed: 0,
    }
}

/// Leases of an owner, numbered from `first`, granted at `since_ms`.
fn leases(name: &str, first: u64, count: u64, since_ms: u64) -> Vec<LeaseSpec> {
    let candidate = CandidateSpec::named("candidate");
    let request = RequestSpec {
        principal: name.to_owned(),
        now_ms: since_ms,
        ..RequestSpec::default()
    };
    (first..first + count)
        .map(|lease| LeaseSpec::granted(lease, &request, &candidate))
        .collect()
}

fn served(harness: &mut Harness, queue: &[WaitingSpec]) -> Vec<usize> {
    let (answer, served) = harness.order(queue).unwrap();
    assert_eq!(answer.code, abi::OK);
    check_keys(&served, queue.len()).unwrap();
    served
}

/// Who waits: index of the name, class, time.
fn any_queue() -> impl Strategy<Value = Vec<(usize, i32, u64)>> {
    prop::collection::vec((0_usize..4, 0_i32..3, 0_u64..1000), 0..40)
}

fn specs(queue: &[(usize, i32, u64)]) -> Vec<WaitingSpec> {
    queue
        .iter()
        .map(|(name, class, since)| waiting(NAMES[*name], *class, *since))
        .collect()
}

proptest! {
    /// Everyone exactly once; classes in order; of one owner in one class, the longest first.
    #[test]
    fn classes_and_each_owners_own_order_hold(queue in any_queue(), held in prop::collection::vec(0_u64..5, 4)) {
        let mut harness = harness(WEIGHED);
        for (index, count) in held.iter().enumerate() {
            let leases = leases(NAMES[index], 100 * index as u64 + 1, *count, 0);
            harness.observe(&leases.iter().map(LeaseSpec::begins).collect::<Vec<_>>()).unwrap();
        }
        let served = served(&mut harness, &specs(&queue));
        for pair in served.windows(2) {
            let ((name, class, since), (later_name, later_class, later_since)) = (queue[pair[0]], queue[pair[1]]);
            prop_assert!(class <= later_class);
            if (name, class) == (later_name, later_class) {
                prop_assert!((since, pair[0]) <= (later_since, pair[1]));
            }
        }
    }

    /// In one class, whoever is served holds no greater share, this grant not counted, than anyone who still waits.
    #[test]
    fn the_smallest_share_for_its_weight_is_next(queue in any_queue(), held in prop::collection::vec(0_u64..9, 4)) {
        let queue: Vec<_> = queue.into_iter().map(|(name, _, since)| (name, 0, since)).collect();
        let mut harness = harness(WEIGHED);
        let all: Vec<_> = (0..4).flat_map(|index| leases(NAMES[index], 100 * index as u64 + 1, held[index], 0)).collect();
        harness.resync(&all, 4).unwrap();
        let served = served(&mut harness, &specs(&queue));
        let mut holds: Vec<f64> = held.iter().map(|count| f64::from(u32::try_from(*count).unwrap())).collect();
        for (turn, index) in served.iter().enumerate() {
            let share = |name: usize| holds[name] / WEIGHTS[name];
            for later in &served[turn..] {
                prop_assert!(share(queue[*index].0) <= share(queue[*later].0));
            }
            holds[queue[*index].0] += 1.0;
        }
    }

    /// Whatever happens, nobody who asks one by one ever holds more than its quota.
    #[test]
    fn quotas_are_never_exceeded(steps in prop::collection::vec((0_usize..2, any::<bool>()), 1..40), quota in 1_u32..4) {
        let mut harness = harness(&format!(r#"{{"quota":{quota},"quotas":{{"silver":{}}}}}"#, quota + 1));
        let mut held: [Vec<LeaseSpec>; 2] = Default::default();
        for (at, (name, asks)) in steps.iter().enumerate() {
            let at = at as u64 + 1;
            if !asks {
                if let Some(lease) = held[*name].pop() {
                    harness.observe(&[lease.ends(at)]).unwrap();
                }
                continue;
            }
            let request = RequestSpec { principal: NAMES[*name].to_owned(), ..RequestSpec::default() };
            let decided = harness.decide(&request, &[CandidateSpec::named("a")]).unwrap();
            let allowed = quota as usize + *name;
            prop_assert_eq!(decided.answer.code, if held[*name].len() < allowed { abi::ABSTAIN } else { abi::DENY });
            if decided.answer.code == abi::ABSTAIN {
                let lease = leases(NAMES[*name], at, 1, at).remove(0);
                harness.observe(&[lease.begins()]).unwrap();
                held[*name].push(lease);
            }
            prop_assert!(held[*name].len() <= allowed);
        }
    }
}

#[test]
fn the_past_counts_and_fades() {
    let now_ms = RequestSpec::default().now_ms;
    // Gold held four for a while and gave them back; silver holds one.
    for (half_life_s, gave_back_ms_ago, first) in [(600, 1000, 1), (600, 100_000, 1), (10, 100_000, 0), (0, 1000, 0)] {
        let mut harness = harness(&format!(r#"{{"half_life_s":{half_life_s}}}"#));
        let gold = leases("gold", 1, 4, 0);
        harness
            .observe(&gold.iter().map(LeaseSpec::begins).collect::<Vec<_>>())
            .unwrap();
        let end = now_ms - gave_back_ms_ago;
        harness
            .observe(&gold.iter().map(|lease| lease.ends(end)).collect::<Vec<_>>())
            .unwrap();
        harness
            .observe(&[leases("silver", 9, 1, now_ms).remove(0).begins()])
            .unwrap();
        let queue = [waiting("gold", 0, 1), waiting("silver", 0, 0)];
        assert_eq!(
            served(&mut harness, &queue)[0],
            first,
            "half-life {half_life_s} s, {gave_back_ms_ago} ms ago"
        );
    }
}

#[test]
fn who_is_over_the_quota_is_served_last_or_refused() {
    let mut harness = harness(r#"{"quota":2,"over_quota":"wait","classes":{"gold":-1}}"#);
    let gold = leases("gold", 1, 2, 0);
    harness.resync(&gold, 1).unwrap();
    let queue = [
        waiting("gold", 0, 0),
        waiting("silver", 0, 5),
        waiting("silver", 0, 3),
        waiting("silver", 0, 4),
    ];
    assert_eq!(
        served(&mut harness, &queue),
        [2, 3, 0, 1],
        "gold is full; silver may have two"
    );
    let request = RequestSpec {
        principal: "gold".to_owned(),
        ..RequestSpec::default()
    };
    let decided = harness.decide(&request, &[]).unwrap();
    assert_eq!(decided.answer.code, abi::DEFER);
    assert_eq!(decided.answer.text, "gold holds 2 and asks for 1, where 2 are allowed");
    harness.observe(&[gold[0].ends(7), gold[0].ends(8)]).unwrap();
    assert_eq!(harness.decide(&request, &[]).unwrap().answer.code, abi::ABSTAIN);
    assert_eq!(served(&mut harness, &queue), [0, 2, 3, 1], "gold has its class");
}

#[test]
fn groups_may_share() {
    let mut harness = harness(r#"{"by":"group","quotas":{"team":1}}"#);
    let mut lease = leases("alice", 1, 1, 0).remove(0);
    lease.group = "team".to_owned();
    harness.observe(&[lease.begins()]).unwrap();
    let asks = |group: &str| RequestSpec {
        principal: "bob".to_owned(),
        group: group.to_owned(),
        ..RequestSpec::default()
    };
    assert_eq!(harness.decide(&asks("team"), &[]).unwrap().answer.code, abi::DENY);
    assert_eq!(harness.decide(&asks("other"), &[]).unwrap().answer.code, abi::ABSTAIN);
    let locates = RequestSpec {
        op: abi::OP_LOCATE,
        ..asks("team")
    };
    assert_eq!(harness.decide(&locates, &[]).unwrap().answer.code, abi::ABSTAIN);
}

#[test]
fn wrong_configurations_are_told() {
    for (config, part) in [
        (r#"{"weights":{"gold":0}}"#, "weights.gold is 0"),
        (r#"{"weights":{"":1}}"#, "name nobody"),
        (r#"{"by":"session"}"#, "unknown variant `session`"),
        (r#"{"half_life":"10m"}"#, "unknown field `half_life`"),
    ] {
        match Harness::create::<FairShare>(config) {
            Err(Fault::Reported { code, text }) => {
                assert_eq!(code, abi::CONFIG);
                assert!(text.contains(part), "{config}: {text}");
            }
            other => panic!("{config}: {other:?}"),
        }
    }
}
