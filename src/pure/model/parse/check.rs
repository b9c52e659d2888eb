//! A tree against what an application may hold: every unknown key and wrong type, then the descriptor.

use super::schema::{APPLICATION, Rule, Schema, Shape};
use super::tree::{Error, Key, Node, Value};
use crate::pure::model::descriptor::Application;
use crate::pure::model::fault::{FAULTS_MAX, shown};
use crate::pure::model::nearest::did_you_mean;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The application that a tree holds, without what it may do without: unknown keys and choices that there are not, which
/// come back as errors beside it.
///
/// # Errors
/// Everything that has no place in one; a few above `FAULTS_MAX` show that there is more.
pub(super) fn application(root: &Node<'_>) -> Result<(Application, Vec<Error>), Vec<Error>> {
    let mut check = Check {
        errors: Vec::new(),
        spoilt: false,
    };
    let json = check.table(root, root.at, &APPLICATION);
    if check.spoilt {
        return Err(check.errors);
    }
    match serde_json::from_value(json) {
        Ok(application) => Ok((application, check.errors)),
        Err(_) if !check.errors.is_empty() => Err(check.errors),
        Err(error) => Err(vec![Error {
            at: 0,
            message: error.to_string(),
        }]),
    }
}

struct Check {
    errors: Vec<Error>,
    /// Something is wrong without which the rest would mean something else.
    spoilt: bool,
}

impl Check {
    fn add(&mut self, at: usize, message: impl FnOnce() -> String) {
        self.spoilt = true;
        self.tell(at, message);
    }

    /// Adds what spoils nothing else.
    fn tell(&mut self, at: usize, message: impl FnOnce() -> String) {
        let message = if self.errors.len() < FAULTS_MAX {
            message()
        } else {
            String::new()
        };
        self.errors.push(Error { at, message });
    }

    /// `at`: where the key stands that has this value, for what is missing in it.
    fn value(&mut self, key: &str, at: usize, node: &Node<'_>, shape: &Shape) -> Json {
        match shape {
            Shape::Text => self.text(key, node),
            Shape::Id(rule) => self.judged(key, node, *rule),
            Shape::Choice(words) => self.choice(key, node, words),
            Shape::Number(min, max) => self.number(key, node, *min, *max),
            Shape::Boolean => match node.value {
                Value::Boolean(value) => Json::Bool(value),
                _ => self.wrong(key, "true or false, without quotes", node),
            },
            Shape::Texts => match &node.value {
                Value::List(elements) => {
                    let texts = elements.iter().enumerate();
                    Json::Array(
                        texts
                            .map(|(index, one)| self.text(&format!("{key}[{index}]"), one))
                            .collect(),
                    )
                }
                _ => self.wrong(key, "a list of texts", node),
            },
            Shape::Map(inner) => self.map(key, node, None, inner),
            Shape::Named(rule, inner) => self.map(key, node, Some(*rule), inner),
            Shape::Table(schema) => match &node.value {
                Value::Table(_) => self.table(node, at, schema),
                _ => self.wrong(key, "a table", node),
            },
            Shape::Tables(schema) => match &node.value {
                Value::List(elements) => Json::Array(
                    elements
                        .iter()
                        .map(|one| match &one.value {
                            Value::Table(_) => self.table(one, one.at, schema),
                            _ => self.wrong(key, "tables in its list", one),
                        })
                        .collect(),
                ),
                _ => self.wrong(key, &format!("a list of tables: write [[...{key}]]"), node),
            },
        }
    }

    fn table(&mut self, node: &Node<'_>, at: usize, schema: &Schema) -> Json {
        let mut fields = serde_json::Map::new();
        let mut seen = BTreeSet::new();
        let Value::Table(pairs) = &node.value else {
            return self.wrong(schema.what, "a table", node);
        };
        for (key, value) in pairs {
            self.twice(key, &mut seen);
            match schema.keys.iter().find(|(known, _)| *known == key.text) {
                Some((known, shape)) => {
                    let json = self.value(known, key.at, value, shape);
                    if !json.is_null() {
                        fields.insert((*known).to_owned(), json);
                    }
                }
                None => self.tell(key.at, || unknown(&key.text, schema)),
            }
        }
        for required in schema.required.iter().filter(|key| !seen.contains(**key)) {
            self.add(at, || format!("`{required}` is missing in {}", schema.what));
        }
        Json::Object(fields)
    }

    fn map(&mut self, name: &str, node: &Node<'_>, rule: Option<Rule>, inner: &Shape) -> Json {
        let Value::Table(pairs) = &node.value else {
            return self.wrong(name, "a table", node);
        };
        let mut fields = serde_json::Map::new();
        let mut seen = BTreeSet::new();
        for (key, value) in pairs {
            self.twice(key, &mut seen);
            if let Some(Err(reason)) = rule.map(|rule| rule(&key.text)) {
                self.add(key.at, || reason);
            }
            let json = self.value(&key.text, key.at, value, inner);
            fields.insert(key.text.clone().into_owned(), json);
        }
        Json::Object(fields)
    }

    /// Of two keys that are equal nobody can say which one counts.
    fn twice<'k>(&mut self, key: &'k Key<'_>, seen: &mut BTreeSet<&'k str>) {
        if !seen.insert(&key.text) {
            self.add(key.at, || format!("`{}` is written twice", shown(&key.text)));
        }
    }

    fn text(&mut self, key: &str, node: &Node<'_>) -> Json {
        match node.value.as_text() {
            Some(text) => Json::String(text.to_owned()),
            None => self.wrong(key, "a text in quotes", node),
        }
    }

    fn judged(&mut self, key: &str, node: &Node<'_>, rule: Rule) -> Json {
        let json = self.text(key, node);
        if let Some(Err(reason)) = json.as_str().map(rule) {
            self.add(node.at, || reason);
        }
        json
    }

    fn choice(&mut self, key: &str, node: &Node<'_>, words: &[&'static str]) -> Json {
        let json = self.text(key, node);
        if let Some(word) = json.as_str().filter(|word| !words.contains(word)) {
            self.tell(node.at, || {
                let near = did_you_mean(word, words.iter().copied());
                format!("`{key}` is one of {}, not \"{}\"{near}", words.join(", "), shown(word))
            });
            return Json::Null;
        }
        json
    }

    fn number(&mut self, key: &str, node: &Node<'_>, min: i64, max: i64) -> Json {
        match node.value {
            Value::Whole {
                number: Some(number), ..
            } if (min..=max).contains(&number) => number.into(),
            Value::Whole { written, .. } => {
                self.add(node.at, || {
                    format!("`{}` is {}, and may be {min} to {max}", shown(key), shown(written))
                });
                Json::Null
            }
            _ => self.wrong(key, "a whole number, without quotes", node),
        }
    }

    fn wrong(&mut self, key: &str, wanted: &str, node: &Node<'_>) -> Json {
        self.add(node.at, || {
            format!("`{}` wants {wanted}, and is {}", shown(key), node.value.what())
        });
        Json::Null
    }
}

fn unknown(key: &str, schema: &Schema) -> String {
    let known = || schema.keys.iter().map(|(known, _)| *known);
    let near = did_you_mean(key, known());
    let rest = if near.is_empty() {
        format!("; it may have {}", known().collect::<Vec<_>>().join(", "))
    } else {
        near
    };
    format!("unknown key `{}` in {}{rest}", shown(key), schema.what)
}
