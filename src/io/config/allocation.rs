//! `[allocation]`, and `[allocation.plugin.NAME]`: tables of free names, each with a table that is the plugin's own. They travel through the
//! layers as JSON texts, and keep the place where the first was written.

use crate::pure::allocation::built_in;
use figment::value::{Dict, Value};
use floe_plugin_sdk::abi::CONFIG_BYTES_MAX;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::{DeTable, DeValue};

/// `[allocation]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Who chooses: a built-in, or a plugin by its name here.
    pub policy: String,
    /// The built-in that stands in for a plugin.
    pub fallback: String,
    /// An answer that takes longer is none.
    pub deadline: Duration,
    /// So many answers of a plugin that was loaded are compared and not taken.
    pub shadow: u32,
    /// Plugins by name.
    pub plugins: BTreeMap<String, Plugin>,
}

/// `[allocation.plugin.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// The shared object.
    pub file: PathBuf,
    /// Where it runs.
    #[serde(default)]
    pub isolation: Isolation,
    /// Its own table.
    #[serde(default)]
    pub config: Map<String, Json>,
}

/// Where a plugin runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// In a process of its own: whatever it does, the registry lives.
    #[default]
    Process,
    /// In a thread of the registry: a crash takes the registry with it.
    Thread,
}

impl Isolation {
    /// As in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Thread => "thread",
        }
    }
}

impl Default for Allocation {
    fn default() -> Self {
        Self {
            policy: "random".to_owned(),
            fallback: "random".to_owned(),
            deadline: Duration::from_millis(10),
            shadow: 0,
            plugins: BTreeMap::new(),
        }
    }
}

/// Most plugins of a registry: each keeps a process and a thread.
const PLUGINS_MAX: usize = 16;
/// Longest name, in bytes: it is part of a file's name.
const NAME_BYTES_MAX: usize = 32;

/// One plugin on its way.
#[derive(Deserialize)]
struct Named {
    name: String,
    source: Json,
}

/// What the file has there, as a list of texts; anything but a table stays what it is, for `read` to refuse.
pub(super) fn written(value: &DeValue<'_>) -> Value {
    let DeValue::Table(table) = value else {
        return Value::from(Dict::new());
    };
    let plugins = table.iter().map(|(name, source)| {
        let named = serde_json::json!({ "name": name.get_ref(), "source": json(source.get_ref()) });
        Value::from(named.to_string())
    });
    Value::from(plugins.collect::<Vec<_>>())
}

fn json(value: &DeValue<'_>) -> Json {
    match value {
        DeValue::String(text) => Json::from(text.as_ref()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Json::from(number.to_string()), Json::from),
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .map_or_else(|_| Json::from(number.to_string()), Json::from),
        DeValue::Boolean(switch) => Json::from(*switch),
        DeValue::Datetime(time) => Json::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => Json::Object(object(table)),
    }
}

fn object(table: &DeTable<'_>) -> Map<String, Json> {
    let pairs = table.iter();
    pairs
        .map(|(name, value)| (name.get_ref().to_string(), json(value.get_ref())))
        .collect()
}

/// The plugins in such a list.
///
/// # Errors
/// In words, what is wrong with the first one that is no good.
pub(super) fn read(items: &[Value]) -> Result<BTreeMap<String, Plugin>, String> {
    if items.len() > PLUGINS_MAX {
        return Err(format!("wants at most {PLUGINS_MAX} plugins, not {}", items.len()));
    }
    let mut plugins = BTreeMap::new();
    for item in items {
        let text = item.as_str().unwrap_or_default();
        let Named { name, source } =
            serde_json::from_str(text).map_err(|error| format!("wants a table by name: {error}"))?;
        let of = |fault: String| format!("[allocation.plugin.{name}] {fault}");
        check_name(&name).map_err(of)?;
        let source: Plugin = serde_json::from_value(source).map_err(|error| {
            of(format!(
                "{error}; it knows file, isolation (\"process\" or \"thread\") and the plugin's own table config"
            ))
        })?;
        if !source.file.is_absolute() {
            let fault = format!(
                "file = \"{}\" is not absolute: write the whole path",
                source.file.display()
            );
            return Err(of(fault));
        }
        let size = Json::Object(source.config.clone()).to_string().len();
        if size > CONFIG_BYTES_MAX as usize {
            return Err(of(format!(
                "config has {size} bytes as JSON, at most {CONFIG_BYTES_MAX} are allowed"
            )));
        }
        plugins.insert(name, source);
    }
    Ok(plugins)
}

fn check_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if built_in(name).is_some() {
        return Err("is the name of a built-in: choose another".to_owned());
    }
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(plain) || name.starts_with('-') {
        return Err(format!(
            "wants a name of lower-case letters, digits and -, at most {NAME_BYTES_MAX} long"
        ));
    }
    Ok(())
}

/// As TOML would write it, on one line.
pub(super) fn shown(plugins: &BTreeMap<String, Plugin>) -> String {
    let one = |(name, source): (&String, &Plugin)| {
        let isolation = match source.isolation {
            Isolation::Process => "",
            Isolation::Thread => ", isolation = \"thread\"",
        };
        let config = if source.config.is_empty() {
            ""
        } else {
            ", config = { ... }"
        };
        format!("{name} = {{ file = \"{}\"{isolation}{config} }}", source.file.display())
    };
    let plugins: Vec<String> = plugins.iter().map(one).collect();
    format!("{{ {} }}", plugins.join(", "))
}
