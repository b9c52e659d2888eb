//! What is done to a server that runs: asked to end, told of new files, its output bounded.

use super::child::Child;
use super::journal::Record;
use super::launch::chain;
use super::supervisor::{Settings, Supervisor, lock, tell};
use super::{files, find, launch, make, output};
use crate::pure::allocation::Tenure;
use crate::pure::base::{RunId, ServerId, Signal};
use crate::pure::model::ServerSpec;
use crate::pure::supervisor::launch::{prepare_files, prepare_stop};
use crate::pure::supervisor::{Event, Place, Ports};
use std::sync::Arc;
use tokio::time::MissedTickBehavior;

impl Supervisor {
    /// Asks the process group of this run to end as its newest definition says: by its stop command, else by its signal. When
    /// the command fails the signal follows, and `Noted` says so.
    pub fn terminate(&self, server: &ServerId, run: RunId, spec: Arc<ServerSpec>) {
        let Some(child) = self.child(server, run) else {
            return;
        };
        let signal = spec.stop.signal.unwrap_or(Signal::TERM);
        if spec.stop.command.is_empty() {
            child.ask(signal);
            return;
        }
        let (settings, events, server) = (self.settings.clone(), self.events.clone(), server.clone());
        tokio::spawn(async move {
            let running = child.clone();
            let command = tokio::task::spawn_blocking(move || run_stop_command(&settings, &spec, &running)).await;
            let ended = command.unwrap_or_else(|error| Err(format!("it broke: {error}")));
            if let Err(reason) = ended
                && child.ask(signal)
            {
                let reason = format!("its stop command failed, so it got {signal}: {reason}");
                tell(&events, &server, Event::Noted { run, reason }).await;
            }
        });
    }

    /// A running server has a new definition that needs no new process: its files are written, and where any of them changed
    /// it gets its reload signal. `Noted` says what went wrong.
    pub fn refresh(&self, server: &ServerId, run: RunId, spec: Arc<ServerSpec>) {
        let Some(child) = self.child(server, run) else {
            return;
        };
        self.specs().insert(server.clone(), (run, spec.clone()));
        let (settings, events, server) = (self.settings.clone(), self.events.clone(), server.clone());
        let specs = self.specs_shared();
        tokio::spawn(async move {
            let id = server.clone();
            let writing = tokio::task::spawn_blocking(move || {
                let newest = || {
                    let specs = specs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    specs
                        .get(&id)
                        .filter(|(of, _)| *of == run)
                        .map(|(_, spec)| spec.clone())
                };
                // One at a time, and the newest definition last, whatever order the threads run in.
                let _writing = files::one_at_a_time();
                newest().map_or(Ok(()), |spec| write_files(&settings, &spec, &child))
            });
            let written = writing.await.unwrap_or_else(|error| Err(format!("it broke: {error}")));
            if let Err(reason) = written {
                let reason = format!("its new files are not written: {reason}");
                tell(&events, &server, Event::Noted { run, reason }).await;
            }
        });
    }

    /// Looks after the output of running servers until the supervisor goes.
    pub(super) fn begin_upkeep(&mut self) {
        let (settings, children, specs) = (self.settings.clone(), self.children.clone(), self.specs_shared());
        let task = tokio::spawn(async move {
            let mut look = tokio::time::interval(output::LOOK_EVERY);
            look.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                look.tick().await;
                let running: Vec<ServerId> = lock(&children).keys().cloned().collect();
                let wanted: Vec<_> = {
                    let specs = specs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    let known = running
                        .into_iter()
                        .filter_map(|id| Some((specs.get(&id)?.1.output, id)));
                    known.collect()
                };
                let settings = settings.clone();
                let looking = tokio::task::spawn_blocking(move || {
                    for (kept, id) in wanted {
                        output::rotate(&settings.home(&id), kept);
                    }
                });
                if let Err(error) = looking.await {
                    tracing::error!(%error, "rotation failed");
                }
            }
        });
        self.upkeep = Some(task.abort_handle());
    }
}

/// What a running process was told at its start, as far as texts name it.
struct Given {
    ports: Ports,
    tenure: Option<Tenure>,
    peers: String,
    data: String,
    config: String,
}

impl Given {
    fn of(settings: &Settings, spec: &ServerSpec, child: &Child) -> Result<Self, String> {
        let home = settings.home(&spec.id);
        let record = Record::read(&home).map_err(|error| chain(&error))?;
        let record = record.filter(|record| record.run == child.run());
        let record = record.ok_or("its record is gone")?;
        Ok(Self {
            ports: record.ports,
            tenure: record.tenure,
            peers: find::variable_of(child.pid(), "FLOE_PEERS").unwrap_or_default(),
            data: home.join("data").display().to_string(),
            config: home.join("config").display().to_string(),
        })
    }
    fn place<'a>(&'a self, settings: &'a Settings, child: &Child) -> Place<'a> {
        Place {
            node: &settings.node,
            host: &settings.host,
            data: &self.data,
            config: &self.config,
            peers: &self.peers,
            run: child.run(),
            ports: &self.ports,
            tenure: self.tenure,
        }
    }
}

/// Runs the stop command to its end: with the server it goes at the latest, for it carries its run. Blocks.
fn run_stop_command(settings: &Settings, spec: &ServerSpec, child: &Child) -> Result<(), String> {
    let given = Given::of(settings, spec, child)?;
    let launch = prepare_stop(spec, &given.place(settings, child), child.pid());
    let mut launch = launch.map_err(|error| error.to_string())?;
    launch::resolve_program(&mut launch);
    let mut step = make::step_of(settings, spec, &launch, child.group().folders());
    step.own.clear();
    let mut made = make::make(settings, &step, &launch, &settings.home(&spec.id))?;
    let verdict = made.verdict();
    if verdict.is_err() || !child.lives() {
        // A step that hangs must not become the command later, and who looked for leftovers may have looked too early.
        made.child
            .kill()
            .map_err(|error| format!("end a stop command that hangs: {error}"))?;
    }
    let status = made.child.wait().map_err(|error| format!("wait for it: {error}"))?;
    verdict?;
    if status.success() {
        Ok(())
    } else {
        Err(status.to_string())
    }
}

fn write_files(settings: &Settings, spec: &ServerSpec, child: &Child) -> Result<(), String> {
    if spec.files.is_empty() && !settings.home(&spec.id).join("files").exists() {
        return Ok(());
    }
    let given = Given::of(settings, spec, child)?;
    let texts = prepare_files(spec, &given.place(settings, child)).map_err(|error| error.to_string())?;
    if files::write(&settings.home(&spec.id), &texts)?
        && let Some(signal) = spec.reload
        && !child.tell(signal)
    {
        return Err(format!("{signal} could not be sent"));
    }
    Ok(())
}
