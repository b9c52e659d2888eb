//! Finds the file that somebody wants to read of a server, and reads it.

use super::journal::Record;
use super::logs::{self, Source};
use super::supervisor::Settings;
use crate::pure::base::RunId;
use crate::pure::model::ServerSpec;
use crate::pure::node::effect::WantedLog;
use crate::pure::protocol::report::LogReport;
use crate::pure::supervisor::launch::prepare_path;
use crate::pure::supervisor::{Place, Ports};
use std::path::PathBuf;
use std::sync::Arc;

/// Reads what servers wrote. Cheap to clone; blocks while it reads.
#[derive(Clone, Debug)]
pub struct LogReader {
    settings: Arc<Settings>,
}

impl LogReader {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self { settings }
    }

    /// A piece of a server's output or of a log file that it declares.
    ///
    /// # Errors
    /// A text for people.
    pub fn read(&self, spec: &ServerSpec, wanted: &WantedLog) -> Result<LogReport, String> {
        let home = self.settings.home(&spec.id);
        let source = match &wanted.file {
            Some(name) => Source::Declared(self.declared(spec, name)?),
            None if wanted.stderr => Source::Output(home.join("stderr.log")),
            None => Source::Output(home.join("stdout.log")),
        };
        logs::read(&source, wanted.lines, wanted.at).map_err(|reason| format!("server {}: {reason}", spec.id))
    }

    /// Where a declared log lies; what is not absolute lies in the working directory.
    fn declared(&self, spec: &ServerSpec, name: &str) -> Result<PathBuf, String> {
        let text = spec
            .logs
            .get(name)
            .ok_or_else(|| format!("log file {name:?} is not declared"))?;
        let home = self.settings.home(&spec.id);
        let (data, config) = (home.join("data"), home.join("config"));
        // Its ports, if it was ever started; a path that names one has no other meaning.
        let record = Record::read(&home).ok().flatten();
        let ports = record.map_or_else(Ports::new, |record| record.ports);
        let place = Place {
            node: &self.settings.node,
            host: &self.settings.host,
            data: &data.display().to_string(),
            config: &config.display().to_string(),
            peers: "",
            run: RunId::from_bits(0),
            ports: &ports,
            tenure: None,
        };
        let fill = |text: &str| prepare_path(text, &place).map_err(|error| format!("server {}: {error}", spec.id));
        let directory = spec
            .directory
            .as_deref()
            .map_or_else(|| Ok(place.data.to_owned()), fill)?;
        Ok(PathBuf::from(directory).join(fill(text)?))
    }
}
