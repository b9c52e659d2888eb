//! Keeps a link to each target: one task per address, which dials for ever with a back-off as long as nobody who is
//! expected or was met there is linked.

use super::Arrival;
use super::connection::Link;
use super::greeting::{hello, refusal};
use super::links::Admission;
use super::rule::{Candidate, Dialler, Prospect};
use super::shared::Shared;
use super::stream::{FrameReader, StreamError, outbox};
use super::tcp::open;
use crate::io::clock;
use crate::pure::base::limits::HELLO_FRAME_BYTES_MAX;
use crate::pure::base::{Address, PeerName};
use crate::pure::membership::{PeerCard, Target};
use crate::pure::protocol::{Hello, Who};
use crate::pure::wire::decode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

/// A link that ended sooner than this counts as a failed dial: two sides that cannot talk must not redial in a circle.
const LIVED: Duration = Duration::from_secs(1);

/// The addresses that are dialled.
#[derive(Debug)]
pub(super) struct Targets {
    shared: Arc<Shared>,
    tasks: Mutex<BTreeMap<Address, Task>>,
}

/// One address; dropping it ends its task, not its link.
#[derive(Debug)]
struct Task {
    /// Who is expected there.
    names: watch::Sender<Vec<PeerName>>,
}

impl Targets {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            tasks: Mutex::default(),
        }
    }
    /// Dials these from now on, and no others.
    pub(super) fn replace(&self, targets: Vec<Target>) {
        let mut wanted: BTreeMap<Address, BTreeSet<PeerName>> = BTreeMap::new();
        for target in targets {
            wanted.entry(target.address).or_default().extend(target.name);
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|address, _| wanted.contains_key(address));
        let mut stagger = Duration::ZERO;
        for (address, names) in wanted {
            let names: Vec<_> = names.into_iter().collect();
            if let Some(task) = tasks.get(&address) {
                task.names.send_if_modified(|known| {
                    let changed = *known != names;
                    *known = names;
                    changed
                });
                continue;
            }
            let (sender, expected) = watch::channel(names);
            let dial = Dialling {
                shared: Arc::clone(&self.shared),
                address: address.clone(),
                expected,
                met: None,
                failures: 0,
            };
            let span = tracing::debug_span!("dial", %address);
            self.shared.spawn(dial.run(stagger).instrument(span));
            tasks.insert(address, Task { names: sender });
            stagger += self.shared.settings.dial_stagger;
        }
    }
}

/// What a dial came to.
enum Outcome {
    /// A link, which has gone again; how long it lived.
    Linked(Duration),
    /// It is this peer itself.
    Ourselves,
    /// A link to the peer there exists by now.
    Superfluous,
    /// No link; why.
    Failed(String),
}

/// The task of one address.
struct Dialling {
    shared: Arc<Shared>,
    address: Address,
    expected: watch::Receiver<Vec<PeerName>>,
    /// Who answered at this address last.
    met: Option<PeerCard>,
    failures: u32,
}

impl Dialling {
    async fn run(mut self, stagger: Duration) {
        let mut expected = self.expected.clone();
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            () = async { while expected.changed().await.is_ok() {} } => {}
            () = shared.stopping() => {}
            () = async { sleep(stagger).await; self.dial_for_ever().await } => {
                // It is ourselves: the task stays as a reminder until the target is dropped.
                while expected.changed().await.is_ok() {}
            }
        }
    }

    async fn dial_for_ever(&mut self) {
        loop {
            match self.dial_once().await {
                Outcome::Ourselves => {
                    tracing::debug!("the target is this peer itself, never dialled again");
                    return self.report("it is this peer itself".to_owned()).await;
                }
                Outcome::Linked(lived) if lived >= LIVED => self.failures = 0,
                Outcome::Linked(_) => self.failures += 1,
                Outcome::Superfluous => {}
                Outcome::Failed(reason) => {
                    tracing::debug!(reason, failures = self.failures, "not reached");
                    self.failures = self.failures.saturating_add(1);
                    self.report(reason).await;
                }
            }
            if self.failures > 0 {
                sleep(self.pause()).await;
            }
        }
    }

    /// Doubles with each failure, a quarter more or less by chance.
    fn pause(&self) -> Duration {
        let settings = &self.shared.settings;
        let doubled = settings
            .backoff_min
            .saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        let chance = clock::moment().roll(u64::from(self.failures), 501);
        doubled
            .min(settings.backoff_max)
            .mul_f64(0.75 + f64::from(u32::try_from(chance).unwrap_or(0)) / 1_000.0)
    }

    async fn report(&self, reason: String) {
        let arrival = Arrival::Unreachable {
            peer: (self.expected.borrow().first().cloned()).or(self.met.as_ref().map(|card| card.name.clone())),
            address: self.address.clone(),
            reason,
        };
        // Fails only when nobody takes arrivals any more.
        self.shared.arrivals.send(arrival).await.ok();
    }

    /// Waits until nobody of this address is linked, dials, and stays with the link until its end.
    async fn dial_once(&mut self) -> Outcome {
        let shared = Arc::clone(&self.shared);
        let prospect = Prospect {
            address: self.address.clone(),
            expected: self.expected.borrow_and_update().clone(),
            met: self.met.clone(),
        };
        let mut expected = self.expected.clone();
        let dial = tokio::select! {
            dial = shared.links.dial(prospect) => dial,
            // Who is expected has changed: look again.
            changed = expected.changed() => {
                if changed.is_err() {
                    std::future::pending::<()>().await;
                }
                return Outcome::Superfluous;
            }
        };
        let link = match self.connect().await {
            Ok(link) => link,
            Err(outcome) => return outcome,
        };
        let name = link.card.name.clone();
        drop(dial);
        if !self.expected.borrow().is_empty() && !self.expected.borrow().contains(&name) {
            self.report(format!("{name} answers there")).await;
        }
        let begin = Instant::now();
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        shared.spawn(
            async move {
                link.run().await;
                drop(ended);
            }
            .in_current_span(),
        );
        // Nothing is sent: the error says that the link is gone.
        end.await.ok();
        Outcome::Linked(begin.elapsed())
    }

    /// One try, from the name to an admitted link.
    async fn connect(&mut self) -> Result<Link, Outcome> {
        let stream = open(&self.address, self.shared.settings.connect_timeout)
            .await
            .map_err(Outcome::Failed)?;
        let (read, write) = stream.into_split();
        let mut reader = FrameReader::new(read, HELLO_FRAME_BYTES_MAX);
        let (outbox, mut writer) = outbox(write, self.shared.queue_bounds());
        let settings = &self.shared.settings;
        outbox.push(hello(settings, None));
        let answer = timeout(settings.hello_timeout, async {
            writer.drain(settings.hello_timeout).await?;
            reader.next(settings.hello_timeout).await
        });
        let payload = match answer.await {
            Err(_) | Ok(Err(StreamError::Silent(_))) => {
                let limit = settings.hello_timeout;
                return Err(Outcome::Failed(format!("said no hello within {limit:?}")));
            }
            Ok(Err(error)) => return Err(Outcome::Failed(format!("said no hello: {error}"))),
            Ok(Ok(payload)) => payload,
        };
        let card = self.judge(&payload)?;
        let candidate = Candidate {
            card: card.clone(),
            dialler: Dialler::Us,
            remote: self.address.to_string(),
            outbox: outbox.clone(),
        };
        let seat = loop {
            match self.shared.links.admit(candidate.clone()) {
                Admission::Admitted(seat) => break seat,
                Admission::Refused(reason) => return Err(Outcome::Failed(reason)),
                Admission::Superfluous(_) => return Err(Outcome::Superfluous),
                Admission::Undecided(mut existing) => {
                    if timeout(self.shared.settings.settle_max, existing.changed())
                        .await
                        .is_err()
                    {
                        return Err(Outcome::Superfluous);
                    }
                }
            }
        };
        Ok(Link {
            shared: Arc::clone(&self.shared),
            card,
            seat,
            reader,
            outbox,
            writer,
        })
    }

    /// Who answered, if we can talk.
    fn judge(&mut self, payload: &[u8]) -> Result<PeerCard, Outcome> {
        let theirs: Hello =
            decode(payload).map_err(|error| Outcome::Failed(format!("its first frame is no hello: {error}")))?;
        let Who::Peer(card) = &theirs.who else {
            return Err(Outcome::Failed("it is a client, no peer".to_owned()));
        };
        if card.instance == self.shared.settings.card.instance {
            return Err(Outcome::Ourselves);
        }
        if let Some(reason) = refusal(&self.shared.settings, &theirs, &self.address.to_string()) {
            return Err(Outcome::Failed(reason));
        }
        self.met = Some(card.clone());
        if let Some(reason) = &theirs.refusal {
            let reason: String = reason.chars().filter(|c| !c.is_control()).take(2_000).collect();
            // It matters only if no link to the peer stands.
            return Err(if self.shared.links.holds(&card.name) {
                Outcome::Superfluous
            } else {
                Outcome::Failed(format!("refused: {reason}"))
            });
        }
        Ok(card.clone())
    }
}
