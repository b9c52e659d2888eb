//! Where things stand in a file: the lines and columns of errors, and of faults that were found in what was read.

use super::tree::{Error, Node};
use crate::pure::model::fault::{FAULTS_MAX, Fault};
use crate::pure::model::place::Step;

/// A file that was read, with the place of everything in it.
#[derive(Debug)]
pub struct Source<'t> {
    name: &'t str,
    text: &'t str,
    root: Node<'t>,
}

impl<'t> Source<'t> {
    pub(super) fn new(name: &'t str, text: &'t str, root: Node<'t>) -> Self {
        Self { name, text, root }
    }

    /// The faults of an application that came of this file with these targets, each with `FILE:LINE:COLUMN` as its place
    /// and the place in words in its message; in order of places.
    pub fn place(&self, faults: Vec<Fault>, targets: &[String]) -> Vec<Fault> {
        let roots = self.roots(targets);
        let mut placed: Vec<(usize, Fault)> = faults
            .into_iter()
            .map(|fault| {
                // The count of the rest comes last.
                let nowhere = if fault.path.is_empty() { self.text.len() } else { 0 };
                let at = find(&fault.path, &roots).unwrap_or(nowhere);
                (at, fault)
            })
            .collect();
        placed.sort_by_key(|(at, _)| *at);
        let faults = placed.into_iter().map(|(at, fault)| {
            let words = format!("{}: {}", fault.place, fault.message);
            if fault.path.is_empty() {
                return Fault::new(self.name, words);
            }
            Fault::new(place_at(self.name, self.text, at), words)
        });
        faults.collect()
    }

    /// Where something may stand: in the targets, the last one first, then in the application itself.
    fn roots(&self, targets: &[String]) -> Vec<&Node<'t>> {
        let chosen = targets.iter().rev().filter_map(|name| {
            let (_, all) = self.root.value.get("target")?;
            Some(&all.value.get(name)?.1)
        });
        chosen.chain([&self.root]).collect()
    }
}

/// The place of what a path reaches furthest; of equals the first. A field that the server leaves to its template stands
/// there.
fn find(path: &[Step], roots: &[&Node<'_>]) -> Option<usize> {
    let mut best: Option<(usize, usize)> = None;
    let mut consider = |root: &Node<'_>, path: &[Step], before: usize| {
        let (steps, at) = follow(root, path);
        let steps = steps + before;
        if steps > 0 && best.is_none_or(|(most, _)| steps > most) {
            best = Some((steps, at));
        }
    };
    for root in roots {
        consider(root, path, 0);
    }
    if let [
        Step::Key(node),
        Step::Key(_),
        Step::Key(server),
        Step::Item(_),
        rest @ ..,
    ] = path
        && (node.as_str(), server.as_str()) == ("node", "server")
        && !rest.is_empty()
    {
        let base = path.get(..4).unwrap_or_default();
        let template = roots.iter().find_map(|root| template_of(root, base));
        for root in roots.iter().filter(|_| template.is_some()) {
            let name = template.as_deref().unwrap_or_default();
            let start = [Step::Key("template".to_owned()), Step::Key(name.to_owned())];
            let path: Vec<Step> = start.into_iter().chain(rest.iter().cloned()).collect();
            // As far into the template counts as much as as far into the server, but the server comes first.
            if follow(root, &path).0 > 2 {
                consider(root, &path, 2);
            }
        }
    }
    best.map(|(_, at)| at)
}

/// The template that the server at this path is made from.
fn template_of(root: &Node<'_>, path: &[Step]) -> Option<String> {
    let mut node = root;
    for step in path {
        node = child(node, step)?.1;
    }
    Some(node.value.get("template")?.1.value.as_text()?.to_owned())
}

/// How many steps of a path lead somewhere, and where the last of them stands.
fn follow(root: &Node<'_>, path: &[Step]) -> (usize, usize) {
    let mut node = root;
    let mut at = root.at;
    for (steps, step) in path.iter().enumerate() {
        let Some((place, next)) = child(node, step) else {
            return (steps, at);
        };
        (at, node) = (place, next);
    }
    (path.len(), at)
}

fn child<'n, 't>(node: &'n Node<'t>, step: &Step) -> Option<(usize, &'n Node<'t>)> {
    match step {
        Step::Key(key) => node.value.get(key).map(|(key, value)| (key.at, value)),
        Step::Item(index) => node.value.elements().get(*index).map(|one| (one.at, one)),
        Step::Named(name) => {
            let named = |one: &&Node<'_>| {
                let keys = ["name", "id"];
                let own = keys.into_iter().find_map(|key| one.value.get(key)?.1.value.as_text());
                own == Some(name)
            };
            node.value.elements().iter().find(named).map(|one| (one.at, one))
        }
    }
}

/// Errors as faults, in order of places, the first `FAULTS_MAX` and how many more there are.
pub(super) fn faults_at(name: &str, text: &str, mut errors: Vec<Error>) -> Vec<Fault> {
    let more = errors.len().saturating_sub(FAULTS_MAX);
    errors.truncate(FAULTS_MAX);
    errors.sort_by_key(|error| error.at);
    let mut faults: Vec<Fault> = errors
        .into_iter()
        .map(|error| Fault::new(place_at(name, text, error.at), error.message))
        .collect();
    if more > 0 {
        faults.push(Fault::new(name, format!("further faults: {more}")));
    }
    faults
}

/// `shop.toml:4:7`, counted from 1, columns in characters.
fn place_at(name: &str, text: &str, offset: usize) -> String {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{name}:{line}:{column}")
}
