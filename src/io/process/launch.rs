//! Makes one process: directories, ports, files, intent on disk, the process itself, its mark on disk, its program. Blocks;
//! failures in words.

use super::group::Group;
use super::journal::{Mark, Record};
use super::make::{self, Made};
use super::notify::{self, Ear};
use super::ports::PortPool;
use super::supervisor::Settings;
use super::{files, find, output, signal, user};
use crate::pure::allocation::Tenure;
use crate::pure::base::{RunId, ServerId};
use crate::pure::model::ServerSpec;
use crate::pure::supervisor::launch::{prepare, prepare_files};
use crate::pure::supervisor::{Launch, Place, Ports};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

/// A start that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) server: ServerId,
    pub(super) run: RunId,
    pub(super) spec: Arc<ServerSpec>,
    pub(super) peers: String,
    pub(super) tenure: Option<Tenure>,
}

/// A process that was made and is on disk.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) mark: Mark,
    pub(super) fd: OwnedFd,
    pub(super) ports: Ports,
    pub(super) group: Group,
    /// Where it says how it stands.
    pub(super) ear: Option<Ear>,
}

/// All of it. On failure there is no process.
pub(super) fn start(settings: &Settings, pool: &PortPool, start: &Start) -> Result<Started, String> {
    let home = settings.home(&start.server);
    make_folders(&home)?;
    // Without the record of the last start, this one could be the second of two.
    let previous = Record::read(&home).map_err(|error| {
        format!(
            "{}; see that no process of it runs, then delete the file",
            chain(&error)
        )
    })?;
    let previous = previous.map(|record| record.ports).unwrap_or_default();
    let ports = pool.choose(start.run, &settings.host, &start.spec.ports, &previous)?;
    let (data, config) = (home.join("data"), home.join("config"));
    let place = Place {
        node: &settings.node,
        host: &settings.host,
        data: &data.display().to_string(),
        config: &config.display().to_string(),
        peers: &start.peers,
        run: start.run,
        ports: &ports,
        tenure: start.tenure,
    };
    let mut launch = prepare(&start.spec, &place).map_err(|error| error.to_string())?;
    let ear = Ear::open(start.run, &start.spec, &home);
    let ear = ear.map_err(|error| format!("listen to what the server says of itself: {error}"))?;
    if ear.is_some() {
        let name = "NOTIFY_SOCKET".to_owned();
        launch.environment.insert(name, notify::variable(start.run));
    }
    resolve_program(&mut launch);
    let texts = prepare_files(&start.spec, &place).map_err(|error| error.to_string())?;
    files::write(&home, &texts)?;
    output::rotate(&home, start.spec.output);
    let group = settings.means.make(&start.server, &start.spec.limits)?;
    let step = make::step_of(settings, &start.spec, &launch, group.folders());
    let mut record = Record::intent(start.run, start.spec.clone(), ports.clone());
    record.groups = group.folders().to_vec();
    record.tenure = start.tenure;
    record.write(&home).map_err(|error| chain(&error))?;
    let made = make::make(settings, &step, &launch, &home);
    let done = made.and_then(|mut made| match watchable(&mut made, &mut record, &home) {
        Ok((mark, fd)) => Ok((mark, fd)),
        Err(fault) => {
            // What cannot be watched, or does not become its program, must not run. The pid is ours until `wait`, so the
            // group is as well.
            if !group.end() {
                super::sweep::end_all(&[start.run]);
            }
            let ended = made.child.kill().and_then(|()| made.child.wait());
            ended.map_err(|error| format!("{fault}; end it again: {error}"))?;
            Err(fault)
        }
    });
    match done {
        Ok((mark, fd)) => Ok(Started {
            mark,
            fd,
            ports,
            group,
            ear,
        }),
        Err(fault) => {
            group.remove();
            // The intent is void. Left behind, it would only cost the next start of the node a second look.
            std::fs::remove_file(home.join("run")).unwrap_or(());
            Err(fault)
        }
    }
}

/// `data`, which the server may fill, and `config`, which we do.
fn make_folders(home: &Path) -> Result<(), String> {
    let data = home.join("data");
    std::fs::create_dir_all(&data).map_err(|error| format!("create {}: {error}", data.display()))?;
    if user::is_root() {
        // Servers of other users pass through it to their own two folders.
        let through = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(home, through).map_err(|error| format!("open {}: {error}", home.display()))?;
    }
    files::make_private(&home.join("config"))
}

/// The process is on disk and has become its program.
fn watchable(made: &mut Made, record: &mut Record, home: &Path) -> Result<(Mark, OwnedFd), String> {
    let pid = made.child.id();
    let fd = signal::pidfd(pid).map_err(|error| format!("watch process {pid}: {error}"))?;
    // A process that has ended already is a zombie until we reap it, so its mark is missing; any mark will do then.
    let mark = find::mark(pid).unwrap_or_else(|| Mark {
        pid,
        start_ticks: 0,
        boot: find::boot(),
    });
    record.process = Some(mark.clone());
    // While the disk takes it, the process becomes its program.
    record.write(home).map_err(|error| chain(&error))?;
    made.verdict()?;
    Ok((mark, fd))
}

/// Whether a relative program is looked for before or after the change of directory would depend on the system.
pub(super) fn resolve_program(launch: &mut Launch) {
    if launch.program.contains('/') {
        let program = Path::new(&launch.directory).join(&launch.program);
        launch.program = program.display().to_string();
    }
}

/// Again while a signal interrupts it.
pub(super) fn retried<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => (),
            result => return result,
        }
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
