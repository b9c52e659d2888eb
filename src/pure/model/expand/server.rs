//! A server's own fields: what it runs, when it is ready, how it ends, what it may use.

use super::super::descriptor::{self, Server};
use super::super::fault::Fault;
use super::super::measure::{parse_duration, parse_processors, parse_size};
use super::super::place::{Field, Place};
use super::super::properties::Sets;
use super::super::spec::{
    Activation, DisableAfter, Limits, Output, PropertyFile, Ready, Scrape, ServerSpec, Stop, TIMEOUT_DEFAULT,
};
use super::super::substitute::{port_of, variables_of};
use super::{HARMLESS, Reader, TIMEOUT_MAX};
use crate::pure::base::{ApplicationName, ServerId, Signal};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Longest time that a failing server can be disabled for.
const DISABLED_MAX: Duration = Duration::from_hours(31 * 24);
/// Bounds of a memory limit: no process lives in less, no machine has more.
const MEMORY_BYTES: (u64, u64) = (1 << 20, 1 << 50);
/// Bounds of a rotated output file: smaller ones are all rotation, larger ones no log that anybody opens.
const ROTATE_BYTES: (u64, u64) = (64 << 10, 1 << 40);
/// Bounds of a limit on open descriptors: the first three and a few, and what Linux allows by default.
const FILES: (u64, u64) = (16, 1 << 20);
/// Bounds of a limit on processes and threads: Linux counts no more.
const TASKS: (u64, u64) = (1, 4_194_304);
/// Bounds of how many rotated files are kept.
const KEEP: (u64, u64) = (0, 1000);
/// Bounds of how many failures disable a server.
const FAILURES: (u64, u64) = (1, 1_000_000);

impl<'p> Reader<'_, '_, 'p> {
    pub(super) fn server(&mut self, id: ServerId, application: &ApplicationName, written: &'p Server) -> ServerSpec {
        let run = self.command("run", &written.run);
        let items = written.ports.len() + written.environment.len() + written.logs.len() + written.labels.len();
        if let Err(error) = self.scope.count(items) {
            self.fault("port".into(), &error.to_string());
        }
        let activation = written.activation.unwrap_or_default();
        ServerSpec {
            activation,
            ready: self.ready(written),
            environment: self.map("environment", &written.environment, Self::deferred),
            directory: written
                .directory
                .as_ref()
                .and_then(|text| self.deferred("directory".into(), text)),
            activation_timeout: self.timeout("activation_timeout", written.activation_timeout.as_ref()),
            deactivation_timeout: self.timeout("deactivation_timeout", written.deactivation_timeout.as_ref()),
            ports: written.ports.clone(),
            user: self.text_of("user".into(), written.user.as_ref()),
            limits: self.limits(written.limits.as_ref()),
            stop: Stop {
                command: self.command("stop", &written.stop),
                signal: self.signal("stop_signal", written.stop_signal.as_ref()),
            },
            reload: self.signal("reload_signal", written.reload_signal.as_ref()),
            output: self.output(written.output.as_ref()),
            logs: self.map("log", &written.logs, Self::deferred),
            disable_after: written.disable_after.as_ref().map(|after| self.disable_after(after)),
            labels: self.map("labels", &written.labels, Self::finished),
            metrics: written.metrics.as_ref().and_then(|metrics| self.scrape(metrics)),
            // A session holds the whole process that runs for it.
            exclusive: written.exclusive == Some(true) || activation == Activation::Session,
            adapters: written
                .adapters
                .iter()
                .filter_map(|adapter| self.adapter(adapter, &id))
                .collect(),
            ..ServerSpec::new(id, application.clone(), run)
        }
    }

    fn ready(&mut self, written: &Server) -> Ready {
        let Some(ready) = &written.ready else {
            return Ready::AtOnce;
        };
        let notify = ready.notify == Some(true);
        let named = [ready.tcp.is_some(), ready.http.is_some(), notify, ready.after.is_some()];
        if named.iter().filter(|named| **named).count() != 1 {
            self.fault("ready".into(), "names exactly one of tcp, http, notify and after");
            return Ready::AtOnce;
        }
        if ready.path.is_some() && ready.http.is_none() {
            self.fault(Field::Part("ready", "path"), "goes with http only");
        }
        let path = ready.path.as_ref();
        let path = path.map_or(Some("/".to_owned()), |path| {
            self.finished(Field::Part("ready", "path"), path)
        });
        let tcp = self.text_of(Field::Part("ready", "tcp"), ready.tcp.as_ref());
        let http = self.text_of(Field::Part("ready", "http"), ready.http.as_ref());
        let after = Field::Part("ready", "after");
        let after = self.read(after, ready.after.as_ref(), |text| parse_duration(text, TIMEOUT_MAX));
        match (tcp, http, after) {
            (Some(adapter), _, _) => Ready::Tcp(adapter),
            (_, Some(adapter), _) => path.map_or(Ready::AtOnce, |path| Ready::Http { adapter, path }),
            (_, _, Some(time)) => Ready::After(time),
            _ if notify => Ready::Notify,
            _ => Ready::AtOnce,
        }
    }

    fn scrape(&mut self, written: &descriptor::Scrape) -> Option<Scrape> {
        let path = match &written.path {
            None => Some("/metrics".to_owned()),
            Some(path) => self.finished(Field::Part("metrics", "path"), path),
        };
        let adapter = self.finished(Field::Part("metrics", "adapter"), &written.adapter)?;
        path.map(|path| Scrape { adapter, path })
    }

    fn limits(&mut self, written: Option<&descriptor::Limits>) -> Limits {
        let Some(written) = written else {
            return Limits::default();
        };
        let (min, max) = MEMORY_BYTES;
        let memory = Field::Part("limits", "memory");
        Limits {
            cpu_millis: self.read(Field::Part("limits", "cpu"), written.cpu.as_ref(), parse_processors),
            memory_bytes: self.read(memory, written.memory.as_ref(), |text| parse_size(text, min, max)),
            files: self.number(Field::Part("limits", "files"), written.files, FILES),
            tasks: self.number(Field::Part("limits", "tasks"), written.tasks, TASKS),
        }
    }

    fn output(&mut self, written: Option<&descriptor::Output>) -> Output {
        let mut output = Output::default();
        let Some(written) = written else { return output };
        let (min, max) = ROTATE_BYTES;
        let rotate = Field::Part("output", "rotate");
        let rotate = self.read(rotate, written.rotate.as_ref(), |text| parse_size(text, min, max));
        output.rotate_bytes = rotate.unwrap_or(output.rotate_bytes);
        let keep = self.number(Field::Part("output", "keep"), written.keep.map(u64::from), KEEP);
        output.keep = keep.and_then(|keep| u32::try_from(keep).ok()).unwrap_or(output.keep);
        output
    }

    fn disable_after(&mut self, written: &descriptor::DisableAfter) -> DisableAfter {
        let failures = Field::Part("disable_after", "failures");
        self.number(failures, Some(u64::from(written.failures)), FAILURES);
        let field = Field::Part("disable_after", "for");
        let period = self.read(field, written.period.as_ref(), |text| {
            let period = parse_duration(text, DISABLED_MAX)?;
            let long = period >= Duration::from_secs(1);
            long.then_some(period).ok_or_else(|| "is less than 1s".to_owned())
        });
        DisableAfter {
            failures: written.failures,
            period,
        }
    }

    /// Files with their properties.
    pub(super) fn files(
        &mut self,
        written: &'p Server,
        sets: &mut Sets<'_>,
        told: &mut BTreeSet<Fault>,
    ) -> Vec<PropertyFile> {
        let mut files = Vec::new();
        for file in &written.files {
            files.extend(self.within("file", &file.name, |reader| reader.file(file, sets, told)));
        }
        files
    }

    fn file(
        &mut self,
        written: &descriptor::File,
        sets: &mut Sets<'_>,
        told: &mut BTreeSet<Fault>,
    ) -> Option<PropertyFile> {
        let name = self.finished("name".into(), &written.name);
        let flat = sets.of_file(written, self.place, told, self.faults);
        let mut properties = BTreeMap::new();
        for (key, (text, origin)) in flat {
            let value = match self.scope.defer(text) {
                Ok(value) => value,
                Err(error) => {
                    // The words say whose file it is, the path where the text stands.
                    let mut place = Place::from(self.place);
                    if let Some(origin) = origin {
                        place.path = Place::from(origin.place()).path;
                    }
                    let field = Field::Key("set", key);
                    self.faults.add(place.field(field), format!("{field}: {error}"));
                    continue;
                }
            };
            properties.insert(key.to_owned(), value);
        }
        let name = name?;
        Some(PropertyFile { name, properties })
    }

    fn command(&mut self, field: &str, words: &[String]) -> Vec<String> {
        let words = words.iter().enumerate();
        words
            .map(|(index, text)| {
                self.deferred(Field::Item(field, index), text)
                    .unwrap_or(HARMLESS.into())
            })
            .collect()
    }
    fn map(
        &mut self,
        field: &str,
        texts: &BTreeMap<String, String>,
        read: fn(&mut Self, Field<'_>, &str) -> Option<String>,
    ) -> BTreeMap<String, String> {
        let pairs = texts
            .iter()
            .filter_map(|(key, text)| Some((key.clone(), read(self, Field::Key(field, key), text)?)));
        pairs.collect()
    }
    fn text_of(&mut self, field: Field<'_>, text: Option<&String>) -> Option<String> {
        self.finished(field, text?)
    }
    fn number(&mut self, field: Field<'_>, number: Option<u64>, (min, max): (u64, u64)) -> Option<u64> {
        let number = number?;
        if number < min || number > max {
            self.fault(field, &format!("{number} is not from {min} to {max}"));
            return None;
        }
        Some(number)
    }
    fn timeout(&mut self, field: &str, text: Option<&String>) -> Duration {
        let read = self.read(field.into(), text, |text| parse_duration(text, TIMEOUT_MAX));
        read.unwrap_or(TIMEOUT_DEFAULT)
    }
    fn signal(&mut self, field: &str, text: Option<&String>) -> Option<Signal> {
        self.id(field.into(), text?)
    }
}

/// Every port that is declared or mentioned; a mentioned one is the node's to choose.
pub(super) fn with_mentioned_ports(spec: &ServerSpec) -> BTreeMap<String, u16> {
    let endpoints = spec.adapters.iter().map(|adapter| &adapter.endpoint);
    let properties = spec.files.iter().flat_map(|file| file.properties.values());
    let texts = spec
        .run
        .iter()
        .chain(&spec.stop.command)
        .chain(spec.environment.values())
        .chain(spec.logs.values())
        .chain(&spec.directory)
        .chain(endpoints)
        .chain(properties);
    let mut ports = spec.ports.clone();
    for name in texts.flat_map(|text| variables_of(text)).filter_map(port_of) {
        ports.entry(name.to_owned()).or_insert(0);
    }
    ports
}
