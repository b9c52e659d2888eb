//! The file layer: TOML with the place of each value. Unknown keys and sections are faults with the nearest known one.

use super::allocation;
use super::fault::{Fault, Origin};
use super::layers::{Setting, Written};
use super::schema::{self, KEYS, Key};
use super::shape::Shape;
use crate::pure::base::nearest;
use figment::value::{Empty, Tag, Value};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Largest configuration file in bytes: checked before it is read; the largest sensible one has a few kilobytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Written {
    let whole = Origin::File {
        path: path.into(),
        place: None,
    };
    match text_of(path) {
        Ok(text) => parse(&text, path),
        Err(reason) => Written {
            faults: vec![Fault::new(whole, "", reason)],
            readable: false,
            ..Written::default()
        },
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("failed to open the configuration: {error}"))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("failed to read the configuration: {error}"))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err("the configuration is larger than 1 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| format!("the configuration is not UTF-8: {error}"))
}

/// Reads the text of a file. After a syntax error the rest of the text means little, so nothing else is reported then.
pub(super) fn parse(text: &str, path: &Path) -> Written {
    let places = Places {
        text,
        path: path.into(),
    };
    let mut written = Written::default();
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        top_level(table.get_ref(), &places, &mut written);
        return written;
    }
    written.readable = false;
    written.faults = errors
        .iter()
        .map(|error| {
            let origin = places.of(error.span().unwrap_or(0..0).start);
            Fault::new(origin, "", error.message().replace('\n', "; "))
        })
        .collect();
    written
}

fn top_level(table: &DeTable<'_>, places: &Places<'_>, written: &mut Written) {
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if let Some(known) = schema::find(name) {
            written.settings.push(places.setting(known, value));
        } else if let Some(section) = schema::section(name) {
            let origin = places.of(key.span().start);
            match value.get_ref() {
                DeValue::Table(inner) => {
                    written.sections.push((section, origin));
                    keys_of(section, inner, places, written);
                }
                other => {
                    let message = format!("wants a section [{section}], not {}", article(other.type_str()));
                    written.faults.push(Fault::new(origin, section, message));
                }
            }
        } else {
            written.faults.push(unknown_at_top(
                name,
                matches!(value.get_ref(), DeValue::Table(_)),
                places.of(key.span().start),
            ));
        }
    }
}

fn keys_of(section: &'static str, table: &DeTable<'_>, places: &Places<'_>, written: &mut Written) {
    for (key, value) in table {
        let path = format!("{section}.{}", key.get_ref());
        if let Some(known) = schema::find(&path) {
            written.settings.push(places.setting(known, value));
            continue;
        }
        let meant = nearest(&path, KEYS.iter().map(|key| key.path));
        let message = meant.map_or_else(
            || {
                let here: Vec<_> = KEYS
                    .iter()
                    .filter(|key| key.section() == section)
                    .map(Key::name)
                    .collect();
                format!("no such key; [{section}] knows {}", here.join(", "))
            },
            |meant| format!("no such key; nearest: {meant}"),
        );
        written
            .faults
            .push(Fault::new(places.of(key.span().start), path, message));
    }
}

fn unknown_at_top(name: &str, is_section: bool, origin: Origin) -> Fault {
    let sections = KEYS.iter().map(Key::section).filter(|section| !section.is_empty());
    let (what, meant) = if is_section {
        ("section", nearest(name, sections))
    } else {
        let same_name = KEYS.iter().find(|key| key.name() == name).map(|key| key.path);
        (
            "key",
            same_name.or_else(|| nearest(name, KEYS.iter().map(|key| key.path))),
        )
    };
    let message = meant.map_or_else(
        || format!("no such {what}; floe knows grid, [peer], [http], [dns], [gossip], [registry], [allocation], [node], [log]"),
        |meant| format!("no such {what}; nearest: {meant}"),
    );
    Fault::new(origin, name, message)
}

/// Turns offsets into lines and columns.
struct Places<'a> {
    text: &'a str,
    path: Arc<Path>,
}

impl Places<'_> {
    fn of(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Origin::File {
            path: Arc::clone(&self.path),
            place: Some((line, column)),
        }
    }
    fn setting(&self, key: &'static Key, value: &Spanned<DeValue<'_>>) -> Setting {
        let value_of = match key.shape {
            Shape::Labels => labels,
            Shape::Plugins => allocation::written,
            _ => plain,
        };
        Setting {
            key,
            value: value_of(value.get_ref()),
            origin: self.of(value.span().start),
        }
    }
}

/// A table of texts as a list of `name=text`: layers replace it as a whole, and it keeps the place where it was written.
fn labels(value: &DeValue<'_>) -> Value {
    let DeValue::Table(table) = value else {
        return plain(value);
    };
    let items = table.iter().map(|(name, text)| match text.get_ref() {
        DeValue::String(text) => Value::from(format!("{}={text}", name.get_ref())),
        other => plain(other),
    });
    Value::from(items.collect::<Vec<_>>())
}

/// A TOML value for figment. Numbers too large for any key stay texts; dates have no use here and become empty.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::from(number.to_string()), Value::from),
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .map_or_else(|_| Value::from(number.to_string()), Value::from),
        DeValue::Boolean(switch) => Value::from(*switch),
        DeValue::Datetime(_) => Value::Empty(Tag::Default, Empty::Unit),
        DeValue::Array(items) => Value::from(items.iter().map(|item| plain(item.get_ref())).collect::<Vec<_>>()),
        // No other key takes a table: that it is one is all that matters.
        DeValue::Table(_) => Value::from(figment::value::Dict::new()),
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}
