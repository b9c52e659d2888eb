//! The start of a node's life: finds what an earlier life made, adopts what still has its leader, and ends what has not.

use super::child::Child;
use super::find::{self, Found};
use super::group::Group;
use super::journal::{self, JournalError, Mark, Record};
use super::notify::{self, Ear};
use super::supervisor::{ProcessError, Supervisor, lock, watch};
use super::{signal, sweep};
use crate::pure::base::{RunId, ServerId};
use crate::pure::model::Ready;
use crate::pure::supervisor::{Running, Told};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A process that a killed node had just forked shows its run id only once it executes its program. That takes far less.
const FORK_GRACE: Duration = Duration::from_millis(50);

impl Supervisor {
    /// Adopts each leader that still runs; what is left of runs without one is ended.
    pub(super) fn adopt_all(&mut self, folder: &Path) -> Result<BTreeMap<ServerId, Running>, ProcessError> {
        let records = self.recorded(folder)?;
        let mut found = find::all_runs();
        let intents = records.values().filter(|record| record.process.is_none());
        if intents.into_iter().any(|record| !found.contains_key(&record.run)) {
            std::thread::sleep(FORK_GRACE);
            found = find::all_runs();
        }
        let mut adopted = BTreeMap::new();
        let mut leaderless = Vec::new();
        for (server, record) in records {
            let left = found.get(&record.run).map_or(&[][..], Vec::as_slice);
            let group = Group::of(record.groups.clone());
            match self.adopt(&server, record, left)? {
                Ok(running) => drop(adopted.insert(server, running)),
                Err(run) => {
                    if !left.is_empty() {
                        leaderless.push(run);
                    }
                    group.end();
                }
            }
        }
        if !leaderless.is_empty() {
            sweep::end_all(&leaderless);
        }
        Ok(adopted)
    }

    /// Every server that was ever started here, with the record of its last start.
    fn recorded(&self, folder: &Path) -> Result<BTreeMap<ServerId, Record>, ProcessError> {
        let fault = |source| ProcessError::Folder {
            step: "list",
            path: folder.to_owned(),
            source,
        };
        let new_boot = journal::is_new_boot(folder, &find::boot())?;
        let mut records = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(fault)? {
            let name = entry.map_err(fault)?.file_name();
            let Some(server) = name.to_str().and_then(|name| name.parse::<ServerId>().ok()) else {
                continue;
            };
            match Record::read(&self.settings.home(&server)) {
                Ok(record) => records.extend(record.map(|record| (server, record))),
                Err(JournalError::Damaged { path, reason }) if new_boot => {
                    tracing::warn!(%server, reason, "the machine's crash tore the record of a process; that ended with it");
                    std::fs::remove_file(&path).map_err(fault)?;
                }
                // The others go on. This one is not started, and says why, until somebody has looked.
                Err(error @ JournalError::Damaged { .. }) => tracing::error!(%server, %error, "record damaged"),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(records)
    }

    /// The leader of a record's run, if it still runs: by its mark, or for an intent by the run in its environment (`left`).
    /// Else the run.
    fn adopt(
        &mut self,
        server: &ServerId,
        mut record: Record,
        left: &[Found],
    ) -> Result<Result<Running, RunId>, ProcessError> {
        let run = record.run;
        let mark = match &record.process {
            Some(mark) => Some(mark.clone()),
            None => left
                .iter()
                .find(|found| found.leads)
                .and_then(|leader| find::mark(leader.pid)),
        };
        let Some(mark) = mark.filter(find::lives) else {
            return Ok(Err(run));
        };
        let pid = mark.pid;
        let fault = |error: rustix::io::Errno| ProcessError::Watch {
            server: server.clone(),
            pid,
            source: error.into(),
        };
        let fd = match signal::pidfd(pid) {
            Err(rustix::io::Errno::SRCH) => return Ok(Err(run)),
            fd => fd.map_err(fault)?,
        };
        if !find::lives(&mark) {
            // It ended between the two looks; the descriptor may stand for a stranger.
            return Ok(Err(run));
        }
        if record.process.is_none() {
            record.process = Some(mark.clone());
            record.write(&self.settings.home(server))?;
        }
        self.pool.adopt(run, &record.ports);
        let ear = self.listen_again(server, &record, &mark);
        let child = Arc::new(Child::new(run, &mark, fd, Group::of(record.groups)));
        lock(&self.children).insert(server.clone(), child.clone());
        self.specs().insert(server.clone(), (run, record.spec.clone()));
        let (children, pool) = (self.children.clone(), self.pool.clone());
        let watching = watch(
            child,
            server.clone(),
            children,
            pool,
            self.sweeper.clone(),
            self.events.clone(),
            ear,
        );
        self.watchers
            .insert(server.clone(), tokio::spawn(watching).abort_handle());
        Ok(Ok(Running {
            run,
            spec: record.spec,
            pid,
            ports: record.ports,
            tenure: record.tenure,
        }))
    }

    /// Goes on listening to an adopted process, and remembers what it has said, or that it was given enough time.
    fn listen_again(&mut self, server: &ServerId, record: &Record, mark: &Mark) -> Option<Ear> {
        let home = self.settings.home(server);
        let told = match record.spec.ready {
            Ready::Notify => notify::remembered(&home, record.run),
            Ready::After(time) => Ok(Told {
                ready: find::age(mark) >= time,
                ..Told::default()
            }),
            Ready::AtOnce | Ready::Tcp(_) | Ready::Http { .. } => Ok(Told::default()),
        };
        let told = told.unwrap_or_else(|error| {
            tracing::warn!(%server, %error, "what the server said of itself is lost");
            Told::default()
        });
        if told != Told::default() {
            self.told.insert(server.clone(), told);
        }
        Ear::adopt(record.run, &record.spec, &home)
    }
}
