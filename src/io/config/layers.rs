//! Merges the layers with figment and gives each key its value in shape, with its origin.

use super::fault::{Fault, Origin};
use super::schema::{KEYS, Key, Preset};
use super::shape::{Shaped, nested};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use std::collections::BTreeMap;

/// One value that somebody wrote. Each is a figment provider of its own, so that the merged value tells its origin.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) key: &'static Key,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// What one layer holds.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) settings: Vec<Setting>,
    /// Sections that were opened, empty ones too.
    pub(super) sections: Vec<(&'static str, Origin)>,
    pub(super) faults: Vec<Fault>,
    /// False when the layer's text could not be read at all: then nobody knows what is missing.
    pub(super) readable: bool,
}
impl Default for Written {
    fn default() -> Self {
        Self {
            settings: Vec::new(),
            sections: Vec::new(),
            faults: Vec::new(),
            readable: true,
        }
    }
}

/// All layers merged.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// By path. `None` where a value was written that is no good: its fault stands already.
    slots: BTreeMap<&'static str, (Option<Shaped>, Origin)>,
    /// Sections that were opened, with the place of the first.
    pub(super) sections: BTreeMap<&'static str, Origin>,
}

impl Values {
    /// The value and its origin, if one was written or is built in.
    pub(super) fn get(&self, path: &str) -> Option<&(Option<Shaped>, Origin)> {
        self.slots.get(path)
    }
}

/// Merges layers, lowest first. Faults of shape are added to `faults`.
pub(super) fn merge(layers: Vec<Written>, faults: &mut Vec<Fault>) -> Values {
    let mut values = Values::default();
    let mut settings = Vec::new();
    for layer in layers {
        for (section, origin) in layer.sections {
            values.sections.entry(section).or_insert(origin);
        }
        settings.extend(layer.settings);
    }
    let mut all = built_in(&values);
    all.extend(settings);
    let figment = (0..).zip(&all).fold(Figment::new(), |figment, (number, setting)| {
        figment.merge(Numbered { number, setting })
    });
    for key in KEYS {
        let Ok(value) = figment.find_value(key.path) else {
            continue;
        };
        let number = figment
            .get_metadata(value.tag())
            .and_then(|metadata| metadata.source.as_ref()?.custom()?.parse().ok());
        let origin = number
            .and_then(|number: usize| all.get(number))
            .map_or(Origin::Default, |setting| setting.origin.clone());
        let shaped = key.shape.read(&value);
        if let Err(message) = &shaped {
            faults.push(Fault::new(origin.clone(), key.path, message.clone()));
        }
        values.slots.insert(key.path, (shaped.ok(), origin));
    }
    values
}

/// The defaults of sections that every peer has, and of `[registry]` and `[node]` where they were opened.
fn built_in(values: &Values) -> Vec<Setting> {
    let concerns = |key: &Key| match key.section() {
        // Only registries allocate.
        "allocation" => values.sections.contains_key("registry"),
        kind @ ("registry" | "node") => values.sections.contains_key(kind),
        _ => true,
    };
    let presets = KEYS
        .iter()
        .filter(|key| concerns(key))
        .filter_map(|key| match key.preset {
            Preset::Is(text) => Some(Setting {
                key,
                value: key.shape.value_of(text),
                origin: Origin::Default,
            }),
            Preset::Required | Preset::Without(_) => None,
        });
    presets.collect()
}

/// A setting with its number in the list: figment's metadata carries the number, the list the origin.
struct Numbered<'a> {
    number: usize,
    setting: &'a Setting,
}

impl Provider for Numbered<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::from(self.setting.key.path, Source::Custom(self.number.to_string()))
    }
    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = nested(self.setting.key.path, self.setting.value.clone());
        Ok(Profile::Default.collect(dict))
    }
}
