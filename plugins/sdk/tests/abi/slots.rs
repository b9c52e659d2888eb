//! What the guards promise: no panic gets out, rubbish from the host is an error, and newer hosts are understood.

use floe_plugin_sdk::abi::{self, TextBuffer};
use floe_plugin_sdk::harness::{
    AttrSpec, CandidateSpec, EventSpec, Fault, Harness, LeaseSpec, RequestSpec, WaitingSpec, check_keys, intern,
};
use floe_plugin_sdk::{
    Allocator, Candidates, Choice, Error, Event, Host, Lease, Level, Outcome, Request, Slots, Value, Verdict,
    WaitingList, descriptor,
};
use std::ffi::c_void;

/// Does what its configuration says, and tells what it saw by its scores.
struct Probe {
    mode: String,
    host: Host,
    seen: u64,
}

impl Allocator for Probe {
    const NAME: &'static str = "probe";
    const VERSION: &'static str = "0.1";
    const SLOTS: Slots = Slots::EVALUATE.and(Slots::SELECT).and(Slots::ORDER).and(Slots::LEARN);

    fn create(config: &str, host: Host) -> Result<Self, Error> {
        assert_ne!(config, "panic", "asked to panic");
        if config == "wrong" {
            return Err(Error::config("wrong, as asked"));
        }
        Ok(Self {
            mode: config.to_owned(),
            host,
            seen: 0,
        })
    }
    fn evaluate(
        &mut self,
        request: Request<'_>,
        candidates: Candidates<'_>,
        verdicts: &mut [Verdict],
    ) -> Result<Outcome, Error> {
        self.host.log(Level::Info, &format!("seed {}", request.seed()));
        match self.mode.as_str() {
            "panic-once" => panic!("this is {}", self.mode),
            "deny" => {
                return Ok(Outcome::Deny {
                    reason: "é".repeat(600),
                });
            }
            _ => {}
        }
        let key = self.host.intern("gpu");
        for (candidate, verdict) in candidates.iter().zip(verdicts) {
            *verdict = match candidate.attribute(key) {
                Some(Value::Integer(number)) => Verdict::eligible(number),
                _ => Verdict::rejected(abi::CODE_ATTRIBUTE),
            };
        }
        Ok(Outcome::Done)
    }
    fn select(
        &mut self,
        _request: Request<'_>,
        candidates: Candidates<'_>,
        verdicts: &[Verdict],
        choice: &mut Choice<'_>,
    ) -> Result<Outcome, Error> {
        assert_eq!(candidates.len(), verdicts.len());
        choice.extend(
            (0..u32::MAX)
                .zip(verdicts)
                .filter(|(_, verdict)| verdict.is_eligible())
                .map(|(index, _)| index),
        );
        choice.explain("in order");
        Ok(Outcome::Done)
    }
    fn order(&mut self, waiting: WaitingList<'_>, keys: &mut [u64]) -> Result<Outcome, Error> {
        for (waiting, key) in waiting.iter().zip(keys) {
            *key = u64::from(waiting.request.priority().unsigned_abs());
        }
        Ok(Outcome::Done)
    }
    fn observe(&mut self, events: &mut dyn Iterator<Item = Event>) -> Result<(), Error> {
        self.seen += events.map(|event| event.lease).sum::<u64>();
        self.host.log(Level::Info, &format!("seen {}", self.seen));
        Ok(())
    }
    fn resync(&mut self, leases: &mut dyn Iterator<Item = Lease>, first: bool, last: bool) -> Result<(), Error> {
        if first {
            self.seen = 0;
        }
        self.seen += leases.map(|lease| lease.lease).sum::<u64>();
        if last {
            self.host.log(Level::Info, &format!("resynced {}", self.seen));
        }
        Ok(())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        assert_ne!(self.mode, "panic-at-end", "asked to panic at the end");
    }
}

fn with_gpus(gpus: [Option<i64>; 3]) -> Vec<CandidateSpec> {
    let candidates = gpus.iter().enumerate().map(|(index, gpus)| CandidateSpec {
        attrs: gpus
            .iter()
            .map(|gpus| ("gpu".to_owned(), AttrSpec::Integer(*gpus)))
            .chain([("rack".to_owned(), AttrSpec::Text("r1".to_owned()))])
            .collect(),
        ..CandidateSpec::named(format!("candidate-{index}"))
    });
    candidates.collect()
}

#[test]
fn longer_records_of_a_newer_host_are_understood() {
    let mut harness = Harness::create::<Probe>("{}").unwrap();
    let candidates = with_gpus([Some(4), None, Some(9)]);
    let (answer, verdicts) = harness.evaluate(&RequestSpec::default(), &candidates).unwrap();
    assert_eq!(answer.code, abi::OK);
    assert_eq!(
        verdicts,
        [
            Verdict::eligible(4),
            Verdict::rejected(abi::CODE_ATTRIBUTE),
            Verdict::eligible(9)
        ]
    );
    let request = RequestSpec {
        want: 2,
        ..RequestSpec::default()
    };
    let decided = harness.decide(&request, &candidates).unwrap();
    assert_eq!((decided.chosen, decided.answer.text.as_str()), (vec![0, 2], "in order"));
    assert_eq!(harness.decide(&request, &[]).unwrap().chosen, [] as [usize; 0]);

    let waiting = [3, 1, 2, 1].map(|priority| WaitingSpec {
        request: RequestSpec {
            priority,
            ..RequestSpec::default()
        },
        ..WaitingSpec::default()
    });
    let (_, served) = harness.order(&waiting).unwrap();
    check_keys(&served, 4).unwrap();
    assert_eq!(served, [1, 3, 2, 0]);
}

#[test]
fn events_and_leases_arrive_in_parts() {
    let mut harness = Harness::create::<Probe>("{}").unwrap();
    let leases: Vec<_> = (1..=5)
        .map(|lease| LeaseSpec {
            lease,
            ..LeaseSpec::default()
        })
        .collect();
    let events: Vec<EventSpec> = leases.iter().map(LeaseSpec::begins).collect();
    harness.observe(&events).unwrap();
    harness.observe(&[]).unwrap();
    harness.resync(&leases, 2).unwrap();
    harness.resync(&[], 2).unwrap();
    assert_eq!(harness.logged(), ["seen 15", "seen 15", "resynced 15", "resynced 0"]);
}

#[test]
fn a_panic_is_a_code_with_its_place_and_spoils_the_instance() {
    let mut harness = Harness::create::<Probe>("panic-once").unwrap();
    let request = RequestSpec::default();
    let Err(Fault::Reported { code, text }) = harness.evaluate(&request, &[]) else {
        panic!("a panic is a fault");
    };
    assert_eq!(code, abi::PANIC);
    assert!(
        text.contains("this is panic-once") && text.contains("slots.rs:"),
        "{text}"
    );
    let Err(Fault::Reported { code, text }) = harness.order(&[]) else {
        panic!("the instance answers nothing any more");
    };
    assert_eq!(code, abi::PANIC);
    assert!(text.contains("created again"), "{text}");
    let logged = harness.logged();
    assert!(
        logged.iter().any(|line| line.contains("this is panic-once")),
        "{logged:?}"
    );
}

#[test]
fn create_and_destroy_let_no_panic_out() {
    for (config, wanted, part) in [
        ("panic", abi::PANIC, "asked to panic"),
        ("wrong", abi::CONFIG, "as asked"),
    ] {
        let Err(Fault::Reported { code, text }) = Harness::create::<Probe>(config) else {
            panic!("{config} is a fault");
        };
        assert_eq!(code, wanted);
        assert!(text.contains(part), "{text}");
    }
    drop(Harness::create::<Probe>("panic-at-end").unwrap());
}

#[test]
fn long_reasons_are_cut_between_characters() {
    let mut harness = Harness::create::<Probe>("deny").unwrap();
    let (answer, _) = harness.evaluate(&RequestSpec::default(), &[]).unwrap();
    assert_eq!((answer.code, answer.text), (abi::DENY, "é".repeat(256)));
}

#[test]
#[expect(unsafe_code, reason = "calls slots as a broken host would")]
fn a_table_of_a_broken_host_is_an_error() {
    let table = descriptor::<Probe>();
    let (create, evaluate) = (table.create.unwrap(), table.evaluate.unwrap());
    let error: *mut TextBuffer = std::ptr::null_mut();
    let null = std::ptr::null_mut::<c_void>();
    let mut instance = null;
    let short = abi::Host {
        struct_size: 8,
        major: 1,
        ..abi::Host::default()
    };
    let other = abi::Host {
        struct_size: 48,
        major: 2,
        ..abi::Host::default()
    };
    let host = abi::Host { major: 1, ..other };
    // SAFETY: everything is null or valid, which is all that the slots rely on.
    unsafe {
        assert_eq!(
            create(std::ptr::null(), "".into(), &raw mut instance, error),
            abi::INTERNAL
        );
        assert_eq!(
            create(&raw const short, "".into(), &raw mut instance, error),
            abi::UNSUPPORTED
        );
        assert_eq!(
            create(&raw const other, "".into(), &raw mut instance, error),
            abi::UNSUPPORTED
        );
        assert_eq!(
            create(&raw const host, "".into(), std::ptr::null_mut(), error),
            abi::INTERNAL
        );
        assert_eq!(create(&raw const host, "".into(), &raw mut instance, error), abi::OK);
    }
    // SAFETY: as above.
    unsafe {
        assert_eq!(
            evaluate(null, std::ptr::null(), std::ptr::null(), std::ptr::null_mut(), error),
            abi::INTERNAL
        );
        table.destroy.unwrap()(instance);
        table.destroy.unwrap()(null);
    }
}

#[test]
#[expect(unsafe_code, reason = "calls slots as a broken host would")]
fn questions_of_a_broken_host_are_errors() {
    let table = descriptor::<Probe>();
    let (create, evaluate, order) = (table.create.unwrap(), table.evaluate.unwrap(), table.order.unwrap());
    let error: *mut TextBuffer = std::ptr::null_mut();
    let host = abi::Host {
        struct_size: 48,
        major: 1,
        ..abi::Host::default()
    };
    let mut instance = std::ptr::null_mut::<c_void>();
    // SAFETY: everything is null or valid, which is all that the slots rely on.
    assert_eq!(
        unsafe { create(&raw const host, "".into(), &raw mut instance, error) },
        abi::OK
    );
    let request = abi::Request {
        struct_size: 104,
        ..abi::Request::default()
    };
    let short_request = abi::Request::default();
    let candidates = [abi::Candidate::default(); 2];
    let batch = |stride, base| abi::Batch {
        stride,
        base,
        count: 2,
        ..abi::Batch::default()
    };
    let good = batch(104, candidates.as_ptr());
    let mut verdicts = [Verdict::default(); 2];
    let mut keys = [0; 2];
    let waiting = [abi::Waiting {
        struct_size: 24,
        ..abi::Waiting::default()
    }; 2];
    let short_waiting = [abi::Waiting::default(); 2];
    let mut ask = |request: *const abi::Request, batch: *const abi::Batch, has_room: bool| {
        let room = if has_room {
            verdicts.as_mut_ptr()
        } else {
            std::ptr::null_mut()
        };
        // SAFETY: as above; two verdicts where there are two candidates.
        unsafe { evaluate(instance, request, batch, room, error) }
    };
    assert_eq!(ask(std::ptr::null(), &raw const good, true), abi::INTERNAL);
    assert_eq!(ask(&raw const short_request, &raw const good, true), abi::INTERNAL);
    assert_eq!(ask(&raw const request, std::ptr::null(), true), abi::INTERNAL);
    assert_eq!(ask(&raw const request, &raw const good, false), abi::INTERNAL);
    for bad in [
        batch(96, candidates.as_ptr()),
        batch(107, candidates.as_ptr()),
        batch(104, std::ptr::null()),
    ] {
        assert_eq!(ask(&raw const request, &raw const bad, true), abi::INTERNAL);
    }
    assert_eq!(ask(&raw const request, &raw const good, true), abi::OK);
    // SAFETY: as above.
    unsafe {
        assert_eq!(
            order(instance, waiting.as_ptr(), 2, keys.as_mut_ptr(), error),
            abi::INTERNAL,
            "no request"
        );
        assert_eq!(
            order(instance, short_waiting.as_ptr(), 2, keys.as_mut_ptr(), error),
            abi::INTERNAL
        );
        assert_eq!(
            order(instance, std::ptr::null(), 2, keys.as_mut_ptr(), error),
            abi::INTERNAL
        );
        assert_eq!(
            order(instance, std::ptr::null(), 0, std::ptr::null_mut(), error),
            abi::OK
        );
        table.destroy.unwrap()(instance);
    }
}

#[test]
fn the_descriptor_names_what_is_there() {
    /// Evaluates only.
    struct Small;
    impl Allocator for Small {
        const NAME: &'static str = "small";
        const VERSION: &'static str = "2";
        const SLOTS: Slots = Slots::EVALUATE;
        fn create(_config: &str, _host: Host) -> Result<Self, Error> {
            Ok(Self)
        }
    }
    let small = descriptor::<Small>();
    assert!(small.evaluate.is_some() && small.select.is_none() && small.order.is_none());
    assert!(small.observe.is_none() && small.resync.is_none());
    assert_eq!(small.flags, abi::FLAG_UNWIND);
    assert_eq!(descriptor::<Probe>().flags, abi::FLAG_UNWIND | abi::FLAG_NEEDS_RESYNC);
    assert!(small.name.starts_with(b"small\0"));

    let mut harness = Harness::create::<Small>("").unwrap();
    let Err(Fault::Reported { code, .. }) = harness.evaluate(&RequestSpec::default(), &[]) else {
        panic!("a slot that is named and missing is a fault");
    };
    assert_eq!(code, abi::UNSUPPORTED);
    assert_ne!(intern("a name"), intern("another name"));
}
