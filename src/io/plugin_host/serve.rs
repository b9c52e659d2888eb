//! Where a plugin runs: a process of our own binary, or a thread. Loads it, and answers what comes over a socket.

use super::load::Loaded;
use super::wire::{self, Abilities, Call, Candidate, Lease, Lesson, Reply, Request, Said, Waiter};
use floe_plugin_sdk::abi;
use floe_plugin_sdk::harness::{
    AttrSpec, CandidateSpec, EventSpec, Fault, Harness, LeaseSpec, RequestSpec, WaitingSpec, check_keys,
};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

/// The hidden verb. Its standard input is the socket.
pub const VERB: &str = "exec-plugin";
/// Most address space of a child, in bytes: a plugin that loses memory is stopped before the machine feels it. The binary
/// itself takes some of it.
const ADDRESS_SPACE_MAX: u64 = 2 << 30;
/// Leases that are told in one call.
const RESYNC_PART: usize = 1000;

/// Runs the verb: serves until the other end is gone.
pub fn run() -> ExitCode {
    let served = confine().and_then(|()| {
        // Out of the plugin's way.
        let stream = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3)?);
        serve(stream)
    });
    served.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// It ends with the registry also while the plugin does not return, gains no rights, and leaves no core.
fn confine() -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    for (resource, most) in [(Resource::Core, 0), (Resource::As, ADDRESS_SPACE_MAX)] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

/// Serves until the other end is gone.
pub(super) fn serve(mut stream: UnixStream) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    wire::read(&mut stream, &mut bytes)?;
    let Call::Create { library, config } = wire::parse(&bytes)? else {
        return Err(std::io::ErrorKind::InvalidData.into());
    };
    let config = config.to_owned();
    let (said, mut place) = match Place::new(library, config) {
        Ok(place) => (
            Said::Created {
                abilities: place.abilities(),
            },
            Some(place),
        ),
        Err(words) => (Said::Fault { words }, None),
    };
    wire::write(&mut stream, &Reply { said, log: Vec::new() })?;
    while let Some(place) = &mut place {
        match wire::read(&mut stream, &mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        let said = place.answer(wire::parse(&bytes)?);
        let log = place.harness.logged_by_level();
        wire::write(&mut stream, &Reply { said, log })?;
    }
    Ok(())
}

/// An instance, with what makes the next one.
struct Place {
    loaded: Loaded,
    config: String,
    harness: Harness,
    /// It panicked and answers nothing else: another takes its place before the next question.
    poisoned: bool,
}

impl Place {
    fn new(library: &str, config: String) -> Result<Self, String> {
        let loaded = Loaded::open(Path::new(library))?;
        let harness = loaded.create(&config).map_err(|fault| format!("create: {fault}"))?;
        Ok(Self {
            loaded,
            config,
            harness,
            poisoned: false,
        })
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            orders: self.loaded.descriptor.order.is_some(),
            learns: self.loaded.descriptor.observe.is_some() || self.loaded.descriptor.resync.is_some(),
        }
    }

    fn answer(&mut self, call: Call<'_>) -> Said {
        let answered = match call {
            Call::Create { .. } => Err(Fault::Invalid("created twice".to_owned())),
            Call::Decide {
                lesson,
                request,
                candidates,
            } => self.learn(&lesson).and_then(|()| self.decide(&request, candidates)),
            Call::Order { lesson, waiters } => self.learn(&lesson).and_then(|()| self.order(waiters)),
        };
        answered.unwrap_or_else(|fault| {
            self.poisoned = matches!(&fault, Fault::Reported { code, .. } if *code == abi::PANIC);
            Said::Fault {
                words: fault.to_string(),
            }
        })
    }

    /// Whoever sees a fault has all told anew with the next question.
    fn learn(&mut self, lesson: &Lesson<'_>) -> Result<(), Fault> {
        if self.poisoned {
            self.harness = self.loaded.create(&self.config)?;
            self.poisoned = false;
        }
        if let Some(all) = &lesson.all {
            let leases: Vec<LeaseSpec> = all.iter().map(lease).collect();
            self.harness.resync(&leases, RESYNC_PART)?;
        }
        if lesson.news.is_empty() {
            return Ok(());
        }
        let news = lesson.news.iter().map(|(kind, now_ms, about)| EventSpec {
            kind: *kind,
            now_ms: *now_ms,
            lease: lease(about),
        });
        let news: Vec<EventSpec> = news.collect();
        self.harness.observe(&news)
    }

    fn decide(&mut self, request: &Request<'_>, candidates: Vec<Candidate<'_>>) -> Result<Said, Fault> {
        let candidates: Vec<CandidateSpec> = candidates.into_iter().map(candidate).collect();
        let decided = self.harness.decide(&request_of(request), &candidates)?;
        let index = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        Ok(Said::Decided {
            code: decided.answer.code,
            text: decided.answer.text,
            chosen: decided.chosen.into_iter().map(index).collect(),
            retry_after_ms: decided.retry_after_ms,
            verdicts: decided
                .verdicts
                .iter()
                .map(|verdict| (verdict.score, verdict.code))
                .collect(),
        })
    }

    fn order(&mut self, waiters: Vec<Waiter<'_>>) -> Result<Said, Fault> {
        let waiting: Vec<WaitingSpec> = waiters
            .iter()
            .map(|waiter| WaitingSpec {
                request: request_of(&waiter.request),
                since_ms: waiter.since_ms,
                passed: waiter.passed,
            })
            .collect();
        let (answer, served) = self.harness.order(&waiting)?;
        if answer.code != abi::OK {
            return Ok(Said::Ordered { places: Vec::new() });
        }
        check_keys(&served, waiting.len()).map_err(Fault::Invalid)?;
        let places = served.into_iter().map(|place| u32::try_from(place).unwrap_or(u32::MAX));
        Ok(Said::Ordered {
            places: places.collect(),
        })
    }
}

fn attributes(attributes: &[(&str, &str)]) -> Vec<(String, AttrSpec)> {
    let attributes = attributes.iter();
    attributes
        .map(|(name, text)| ((*name).to_owned(), AttrSpec::Text((*text).to_owned())))
        .collect()
}

fn request_of(request: &Request<'_>) -> RequestSpec {
    RequestSpec {
        op: request.op,
        now_ms: request.now_ms,
        seed: request.seed,
        session: request.session,
        principal: request.principal.to_owned(),
        type_name: request.kind.to_owned(),
        want: request.want,
        wait_ms: request.wait_ms,
        deadline_us: request.deadline_us,
        attrs: attributes(&request.attributes),
        held: request.held.clone(),
        ..RequestSpec::default()
    }
}

fn candidate(candidate: Candidate<'_>) -> CandidateSpec {
    CandidateSpec {
        node: candidate.node.to_owned(),
        zone: candidate.zone.to_owned(),
        type_name: candidate.kind.to_owned(),
        state: candidate.state,
        flags: candidate.flags,
        loads: candidate.loads,
        load_age_ms: candidate.load_age_ms,
        capacity: candidate.capacity,
        in_use: candidate.in_use,
        pending: candidate.pending,
        priority: candidate.priority,
        attrs: attributes(&candidate.attributes),
        ..CandidateSpec::named(candidate.name)
    }
}

fn lease(lease: &Lease<'_>) -> LeaseSpec {
    LeaseSpec {
        lease: lease.number,
        candidate: if lease.candidate.is_empty() {
            0
        } else {
            CandidateSpec::named(lease.candidate).id()
        },
        session: lease.session,
        since_ms: lease.since_ms,
        now_ms: lease.now_ms,
        principal: lease.principal.to_owned(),
        type_name: lease.kind.to_owned(),
        zone: lease.zone.to_owned(),
        node: lease.node.to_owned(),
        ..LeaseSpec::default()
    }
}
