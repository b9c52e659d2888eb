//! Runs a node: builds its parts, hands every arrival to the core, carries the effects out.
//!
//! As for a registry, what is durable is written and synced before anything is said or done. Processes are found again
//! before the first word: what runs is known before anybody is told.

use super::failure::Failure;
use super::ground::{Ground, SharedIdentity};
use super::outside::{INBOX, Outside};
use crate::io::clock;
use crate::io::config::{self, Kind, OnStop};
use crate::io::net::{Arrival, Reader};
use crate::io::process::{self, Supervisor, read_value, write_value};
use crate::io::telemetry::metrics::Metrics;
use crate::pure::base::{ServerId, Time};
use crate::pure::lineage::rules::Rules;
use crate::pure::membership::{PeerKind, Record};
use crate::pure::node::{About, Config, Effect, Event, Memory, Node, Restored};
use crate::pure::protocol::Request;
use crate::pure::protocol::report::ServerState;
use crate::pure::supervisor::Event as ServerEvent;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// How often the host's load is read.
const LOAD_EVERY: Duration = Duration::from_secs(5);
/// How many looks at logs and processes go on at once: a file system that hangs must not hold every thread.
const LOOKS: usize = 16;

/// Runs a node until a signal ends it.
///
/// # Errors
/// [`Failure`] when it cannot start, or when its disk fails.
pub async fn run(config: config::Config) -> Result<(), Failure> {
    let Kind::Node(section) = config.kind.clone() else {
        return Err(Failure::new(
            "start a node",
            78,
            "the configuration has no [node] section",
        ));
    };
    let ground = Ground::take(&config).await?;
    let files = Files {
        slice: ground.folder.path().join("slice.cbor"),
        marks: ground.folder.path().join("marks.cbor"),
        drained: ground.folder.path().join("drained.cbor"),
    };
    let slice = read_value(&files.slice)
        .map_err(Failure::at("read the slice"))?
        .unwrap_or_default();
    let marks = read_value(&files.marks)
        .map_err(Failure::at("read the marks of servers"))?
        .unwrap_or_default();
    let drained = read_value(&files.drained)
        .map_err(Failure::at("read whether the node is drained"))?
        .unwrap_or_default();
    let (events, processes) = mpsc::channel(INBOX);
    let mut settings = process::Settings::new(
        ground.card.name.clone(),
        section.host.clone(),
        ground.folder.path().to_owned(),
    );
    settings.user.clone_from(&section.user);
    settings.allow_root = section.allow_root;
    let found = tokio::task::block_in_place(|| Supervisor::open(settings, events));
    let (mut supervisor, running) = found.map_err(Failure::at("find the servers of the node's former life"))?;
    let settings = Config {
        card: ground.card.clone(),
        host: section.host,
        locator: config.peer.locator.clone(),
        on_stop: match section.on_stop {
            OnStop::Leave => crate::pure::node::OnStop::Leave,
            OnStop::Stop => crate::pure::node::OnStop::Stop,
        },
        rules: Rules::default(),
        about: About {
            labels: section.labels,
            processors: process::processors(),
            load_factor: section
                .load_factor
                .map_or_else(|| format!("1/{}", process::processors()), config::decimal),
        },
        means: supervisor.means(),
    };
    let restored = Restored {
        identity: ground.identity.get(),
        slice,
        marks,
        remembered: ground.remembered.clone(),
        running,
        memory: Memory {
            told: supervisor.take_told(),
            past: supervisor.pasts(),
            drained,
        },
    };
    let core = Node::new(settings, restored);
    Shell::build(config, ground, core, supervisor, processes, files)
        .await?
        .run()
        .await
}

/// Files of the node's own in its data folder.
struct Files {
    slice: PathBuf,
    marks: PathBuf,
    drained: PathBuf,
}

/// The parts around the core.
struct Shell {
    core: Node,
    supervisor: Supervisor,
    identity: SharedIdentity,
    files: Files,
    outside: Outside,
    metrics: Metrics,
    wake: Option<Time>,
    finished: bool,
    load_factor: Option<u64>,
    processes: mpsc::Receiver<(ServerId, ServerEvent)>,
    /// What was looked at off the loop.
    seen: mpsc::Receiver<Event>,
    looks: mpsc::Sender<Event>,
    look_turns: Arc<Semaphore>,
}

impl Shell {
    async fn build(
        config: config::Config,
        ground: Ground,
        core: Node,
        supervisor: Supervisor,
        processes: mpsc::Receiver<(ServerId, ServerEvent)>,
        files: Files,
    ) -> Result<Self, Failure> {
        let load_factor = match &config.kind {
            Kind::Node(section) => section.load_factor,
            Kind::Registry(_) => None,
        };
        let metrics = Metrics::install(PeerKind::Node).map_err(Failure::at("set up metrics"))?;
        let first = Record {
            card: ground.card.clone(),
            role: None,
            standing: None,
            claim: None,
            version: core.applied(),
            obeys: core.obeys(),
            servers: None,
        };
        let meter = supervisor.meter();
        metrics.set_usage(Box::new(move || meter.node()));
        let (looks, seen) = mpsc::channel(LOOKS);
        // A node answers everything through its loop: it is asked little.
        let reader: Reader = Arc::new(|_: &Request| None);
        let identity = ground.identity.clone();
        let outside = Outside::open(&config, ground, metrics.clone(), first, reader).await?;
        Ok(Self {
            core,
            supervisor,
            identity,
            outside,
            files,
            metrics,
            wake: None,
            finished: false,
            load_factor,
            processes,
            seen,
            looks,
            look_turns: Arc::new(Semaphore::new(LOOKS)),
        })
    }

    async fn run(mut self) -> Result<(), Failure> {
        let mut stop = super::signals::Stop::new().map_err(Failure::at("listen for signals"))?;
        let mut upkeep = tokio::time::interval(LOAD_EVERY);
        let mut stopping = false;
        self.turn(Event::Started)?;
        super::signals::notify_ready();
        while !self.finished {
            let pause = self
                .wake
                .map_or(Duration::from_secs(1), |wake| wake.since(clock::now()));
            let event = tokio::select! {
                () = stop.wait() => {
                    if stopping {
                        // Whoever asks twice does not want to wait; servers that still run are adopted by the next life.
                        tracing::warn!("stopping at once, servers run on");
                        return Ok(());
                    }
                    stopping = true;
                    tracing::info!("stopping");
                    super::signals::notify_stopping();
                    Event::Shutdown
                }
                Some((id, event)) = self.processes.recv() => {
                    self.count(&event);
                    Event::Server { id, event }
                }
                Some(arrival) = self.outside.arrivals.recv() => match self.event(arrival) {
                    Some(event) => event,
                    None => continue,
                },
                Some(event) = self.seen.recv() => event,
                Some(changes) = self.outside.members.recv() => Event::Members(changes),
                _ = upkeep.tick() => {
                    self.metrics.run_upkeep();
                    Event::Load(process::host_load(self.load_factor))
                }
                () = tokio::time::sleep(pause) => { self.wake = None; Event::Wake }
            };
            self.turn(event)?;
            // Steady traffic must not keep deadlines waiting.
            if self.wake.is_some_and(|wake| wake <= clock::now()) {
                self.wake = None;
                self.turn(Event::Wake)?;
            }
        }
        tokio::select! {
            () = self.outside.close() => {}
            () = stop.wait() => tracing::warn!("stopping at once"),
        }
        Ok(())
    }

    fn event(&mut self, arrival: Arrival) -> Option<Event> {
        Some(match arrival {
            Arrival::Linked(card) => Event::Linked { card },
            Arrival::Unlinked { peer, reason } => Event::Unlinked { peer, reason },
            Arrival::Unreachable { peer, address, reason } => Event::Unreachable { peer, address, reason },
            Arrival::Message { from, message } => Event::Message { from, message },
            Arrival::Request { request, reply, .. } if *request == Request::Watch => {
                self.outside.watch(reply);
                return None;
            }
            Arrival::Request {
                actor,
                deadline,
                request,
                reply,
            } => {
                let to = self.outside.admit(reply);
                Event::Request {
                    to,
                    actor,
                    deadline,
                    request,
                }
            }
        })
    }

    /// One turn of the loop: an event in, the durable part synced, the rest done.
    fn turn(&mut self, event: Event) -> Result<(), Failure> {
        self.outside.beat();
        let effects = self.core.handle(event, &clock::moment());
        self.carry_out(effects)?;
        self.show();
        Ok(())
    }

    /// What is durable stands first in the list.
    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), Failure> {
        for effect in effects {
            match effect {
                Effect::Identity(identity) => tokio::task::block_in_place(|| self.identity.save(&identity))?,
                Effect::Slice(slice) => {
                    tokio::task::block_in_place(|| write_value(&self.files.slice, &slice))
                        .map_err(Failure::at("write the slice"))?;
                }
                Effect::Marks(marks) => {
                    let written = tokio::task::block_in_place(|| write_value(&self.files.marks, &marks));
                    written.map_err(Failure::at("write the marks of servers"))?;
                }
                Effect::Drained(drained) => {
                    let written = tokio::task::block_in_place(|| write_value(&self.files.drained, &drained));
                    written.map_err(Failure::at("write whether the node is drained"))?;
                }
                other => self.act(other),
            }
        }
        Ok(())
    }

    fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Identity(_) | Effect::Slice(_) | Effect::Marks(_) | Effect::Drained(_) => {}
            Effect::Past { server, past } => tokio::task::block_in_place(|| self.supervisor.keep_past(&server, &past)),
            Effect::Signal { server, run, signal } => self.supervisor.signal(&server, run, signal),
            Effect::ReadLogs { spec, wanted, to } => {
                let reader = self.supervisor.reader();
                self.look(move || Event::LogsRead {
                    to,
                    result: reader.read(&spec, &wanted),
                });
            }
            Effect::ReadUsage { server, to } => {
                let meter = self.supervisor.meter();
                self.look(move || Event::UsageRead {
                    to,
                    result: meter.server(&server),
                });
            }
            Effect::Remember(peers) => self.outside.remember(&peers),
            Effect::Send { to, message } => {
                self.outside.send(&to, message);
            }
            Effect::Reply { to, response, last } => {
                self.outside.reply(to, response, last);
            }
            Effect::Publish(record) => self.outside.publish(*record),
            Effect::Dial(targets) => self.outside.dial(targets),
            Effect::Spawn {
                server,
                run,
                spec,
                peers,
                tenure,
            } => {
                self.supervisor.spawn(server, run, spec, peers, tenure);
            }
            Effect::Probe { server, run, probe } => self.supervisor.probe(&server, run, probe),
            Effect::StopProbe { server, run } => self.supervisor.stop_probe(&server, run),
            Effect::Refresh { server, run, spec } => self.supervisor.refresh(&server, run, spec),
            Effect::Terminate { server, run, spec } => self.supervisor.terminate(&server, run, spec),
            Effect::Kill { server, run } => self.supervisor.kill(&server, run),
            Effect::Delete { server } => {
                if let Err(error) = self.supervisor.delete(&server) {
                    tracing::warn!(%server, %error, "the server's directory stays");
                }
            }
            Effect::Happened(happening) => self.outside.tell(&happening),
            Effect::Wake(at) => self.wake = Some(at),
            Effect::Finished => {
                // Also where it was no signal but an operator who ended it.
                super::signals::notify_stopping();
                self.finished = true;
            }
        }
    }

    /// Looks at something that may be slow, off the loop; what was seen comes back as an event. Whoever asked waits no longer
    /// than his deadline.
    fn look(&self, look: impl FnOnce() -> Event + Send + 'static) {
        let (looks, turns) = (self.looks.clone(), self.look_turns.clone());
        tokio::spawn(async move {
            // The semaphore is never closed.
            let Ok(_turn) = turns.acquire().await else { return };
            match tokio::task::spawn_blocking(look).await {
                // The node is gone when nobody listens.
                Ok(event) => drop(looks.send(event).await),
                Err(error) => tracing::error!(%error, "a look broke"),
            }
        });
    }

    fn count(&self, event: &ServerEvent) {
        match event {
            ServerEvent::Exited { how, .. } => self.metrics.node.server_exits.add(&[how.kind()], 1),
            ServerEvent::Spawned { .. } => self.metrics.node.server_starts.increment(1),
            _ => {}
        }
    }

    /// How the node stands, for metrics and health.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    fn show(&self) {
        let states = self.core.states();
        for state in ServerState::ALL {
            self.metrics
                .node
                .servers
                .set(&[state.as_str()], states.get(&state).copied().unwrap_or(0) as f64);
        }
        self.metrics.node.obeyed_epoch.set(self.core.obeys().number as f64);
        self.metrics
            .node
            .drained
            .set(f64::from(u8::from(self.core.is_drained())));
        self.metrics.inbox.depth.set(self.outside.arrivals.len() as f64);
        self.metrics.inbox.bound.set(INBOX as f64);
        let alone = !self.core.reaches_a_registry();
        let reasons = if alone {
            vec!["no registry is in reach; servers run on".to_owned()]
        } else {
            Vec::new()
        };
        self.outside.set_unready(reasons);
    }
}
