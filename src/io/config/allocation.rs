//! `[allocation]`, and `[allocation.plugin.NAME]`: tables of free names, each with a table that is the plugin's own. They travel through the
//! layers as JSON texts, and keep the place where the first was written.

use crate::pure::allocation::built_in;
use crate::pure::base::hex;
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
    /// The only bytes that may be loaded: their BLAKE3 in hexadecimal digits, as `floe plugin check` tells it.
    #[serde(default)]
    pub digest: Option<String>,
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
                "{error}; it knows file, digest, isolation (\"process\" or \"thread\") and the plugin's own table config"
            ))
        })?;
        if !source.file.is_absolute() {
            let fault = format!(
                "file = \"{}\" is not absolute: write the whole path",
                source.file.display()
            );
            return Err(of(fault));
        }
        // In the one spelling in which it is compared.
        let spelled = |digest: &String| hex::bytes32(digest).is_some_and(|bytes| hex::text(&bytes) == *digest);
        if let Some(digest) = source.digest.as_ref().filter(|digest| !spelled(digest)) {
            let fault =
                format!("digest = \"{digest}\" is none: `floe plugin check FILE` tells it, 64 digits of 0-9 and a-f");
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
        let digest = source.digest.as_ref();
        let digest = digest.map_or_else(String::new, |digest| format!(", digest = \"{digest}\""));
        let config = if source.config.is_empty() {
            ""
        } else {
            ", config = { ... }"
        };
        format!(
            "{name} = {{ file = \"{}\"{digest}{isolation}{config} }}",
            source.file.display()
        )
    };
    let plugins: Vec<String> = plugins.iter().map(one).collect();
    format!("{{ {} }}", plugins.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, source: &Json) -> Value {
        Value::from(serde_json::json!({ "name": name, "source": source }).to_string())
    }

    #[test]
    fn each_fault_of_a_plugin_is_told_with_its_name() {
        let good = serde_json::json!({ "file": "/lib/a.so", "digest": "0a".repeat(32) });
        let plugins = read(&[named("fair", &good)]).unwrap();
        assert_eq!(
            shown(&plugins),
            format!(
                "{{ fair = {{ file = \"/lib/a.so\", digest = \"{}\" }} }}",
                "0a".repeat(32)
            )
        );
        let with = |key: &str, value: Json| {
            let mut source = good.clone();
            source[key] = value;
            source
        };
        let long = "x".repeat(CONFIG_BYTES_MAX as usize);
        for (name, source, words) in [
            ("random", good.clone(), "is the name of a built-in"),
            ("Fair", good.clone(), "lower-case letters"),
            ("", good.clone(), "lower-case letters"),
            ("-fair", good.clone(), "lower-case letters"),
            ("fair", Json::from(1), "it knows file, digest"),
            ("fair", serde_json::json!({}), "missing field `file`"),
            ("fair", with("filee", "x".into()), "unknown field `filee`"),
            ("fair", with("file", "a.so".into()), "is not absolute"),
            ("fair", with("isolation", "fork".into()), "unknown variant `fork`"),
            (
                "fair",
                with("digest", "0A".repeat(32).into()),
                "64 digits of 0-9 and a-f",
            ),
            ("fair", with("digest", "0a".into()), "64 digits of 0-9 and a-f"),
            (
                "fair",
                with("config", serde_json::json!({ "long": long })),
                "bytes as JSON",
            ),
        ] {
            let fault = read(&[named(name, &source)]).unwrap_err();
            let place = format!("[allocation.plugin.{name}]");
            assert!(fault.starts_with(&place) && fault.contains(words), "{words}: {fault}");
        }
        let many: Vec<Value> = (0..=PLUGINS_MAX).map(|n| named(&format!("p{n}"), &good)).collect();
        assert!(read(&many).unwrap_err().contains("at most 16 plugins"));
    }
}
