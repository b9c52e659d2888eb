//! Puts included files in where they are named, opens the targets that an include chooses, and collects the others.

use super::notes::{Attributes, Notes, shown_place};
use super::tree::{Element, Place, parse};
use super::{
    ALL_BYTES_MAX, DEPTH_MAX, ELEMENTS_MAX, FILE_BYTES_MAX, INCLUDE_DEPTH_MAX, INCLUDES_MAX, ImportError, Read,
    TARGETS_MAX,
};
use crate::pure::model::validate::shown;

/// All files as one tree: no `include` is left, and targets stand only outside other targets, with a name.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) root: Element,
    pub(super) files: Vec<String>,
    /// The names of targets, in the order in which they are met, at most `TARGETS_MAX`.
    pub(super) targets: Vec<String>,
    pub(super) notes: Notes,
}

/// Reads a file and all that it includes.
pub(super) fn load(text: &str, file_name: &str, read: Read<'_>) -> Result<Loaded, ImportError> {
    let mut loader = Loader {
        read,
        files: Vec::new(),
        open: Vec::new(),
        targets: Vec::new(),
        bytes: 0,
        elements: 0,
        includes: 0,
        notes: Notes::default(),
    };
    let at = At {
        chosen: &[],
        inside: None,
        depth: 0,
    };
    let root = loader.file(text, &beside("", file_name), at)?;
    Ok(Loaded {
        root,
        files: loader.files,
        targets: loader.targets,
        notes: loader.notes,
    })
}

struct Loader<'a> {
    read: Read<'a>,
    files: Vec<String>,
    /// The files that are being read, outermost first.
    open: Vec<String>,
    targets: Vec<String>,
    bytes: usize,
    elements: usize,
    includes: usize,
    notes: Notes,
}

/// What holds at one place of the tree.
#[derive(Clone, Copy)]
struct At<'a> {
    /// Targets that an include chose.
    chosen: &'a [String],
    /// The target that the place stands in.
    inside: Option<&'a str>,
    depth: usize,
}

impl Loader<'_> {
    fn file(&mut self, text: &str, name: &str, at: At<'_>) -> Result<Element, ImportError> {
        self.bytes = self.bytes.saturating_add(text.len());
        let too_large = |message: String| ImportError::TooMuch {
            place: name.to_owned(),
            message,
        };
        if text.len() > FILE_BYTES_MAX {
            return Err(too_large(format!("is larger than {FILE_BYTES_MAX} bytes")));
        }
        if self.bytes > ALL_BYTES_MAX {
            return Err(too_large(format!(
                "with it, the files take more than {ALL_BYTES_MAX} bytes together"
            )));
        }
        let number = self.files.len();
        self.files.push(name.to_owned());
        let mut root = parse(text, number, name, &mut self.notes)?;
        if root.name != "icegrid" {
            return Err(ImportError::NoApplication {
                place: shown_place(&self.files, root.place),
                message: format!(
                    "starts with <{}>, a descriptor of IceGrid starts with <icegrid>",
                    shown(&root.name)
                ),
            });
        }
        Attributes::of(&root, &mut self.notes).finish(&mut self.notes);
        self.open.push(name.to_owned());
        self.fill(&mut root, at)?;
        self.open.pop();
        Ok(root)
    }

    /// Replaces includes and chosen targets in an element by what is in them.
    fn fill(&mut self, element: &mut Element, at: At<'_>) -> Result<(), ImportError> {
        self.elements += 1;
        let place = |files: &[String]| shown_place(files, element.place);
        if self.elements > ELEMENTS_MAX {
            let place = place(&self.files);
            let message = format!("with it, there are more than {ELEMENTS_MAX} elements");
            return Err(ImportError::TooMuch { place, message });
        }
        if at.depth > DEPTH_MAX {
            let place = place(&self.files);
            let message = format!("elements are nested more than {DEPTH_MAX} deep");
            return Err(ImportError::TooMuch { place, message });
        }
        let at = At {
            depth: at.depth + 1,
            ..at
        };
        for mut child in std::mem::take(&mut element.children) {
            match child.name.as_str() {
                "include" => element.children.extend(self.include(&child, at)?),
                "target" => element.children.extend(self.target(child, at)?),
                _ => {
                    self.fill(&mut child, at)?;
                    element.children.push(child);
                }
            }
        }
        Ok(())
    }

    fn include(&mut self, element: &Element, at: At<'_>) -> Result<Vec<Element>, ImportError> {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let file = attributes.must("file", &mut self.notes);
        let targets = attributes.take("targets").map(|attribute| attribute.value.as_str());
        attributes.finish(&mut self.notes);
        for child in &element.children {
            self.notes.stray(child, element);
        }
        let Some(file) = file else { return Ok(Vec::new()) };
        let from = self.open.last().map_or("", String::as_str);
        let path = beside(from, &file.value);
        self.includes += 1;
        let refused = if self.open.contains(&path) {
            Some(format!("{} includes itself this way", shown(&path)))
        } else if self.open.len() > INCLUDE_DEPTH_MAX {
            Some(format!("files are included more than {INCLUDE_DEPTH_MAX} deep"))
        } else if self.includes > INCLUDES_MAX {
            Some(format!("it is one more than {INCLUDES_MAX} includes"))
        } else {
            None
        };
        if let Some(reason) = refused {
            self.notes.left_out(element, &reason);
            return Ok(Vec::new());
        }
        let text = match (self.read)(&path) {
            Ok(text) => text,
            Err(reason) => {
                self.notes.left_out(element, &reason);
                return Ok(Vec::new());
            }
        };
        self.say_if_outside(element.place, &path);
        let chosen: Vec<String> = targets
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let chosen: Vec<String> = chosen.into_iter().chain(at.chosen.iter().cloned()).collect();
        let at = At { chosen: &chosen, ..at };
        Ok(self.file(&text, &path, at)?.children)
    }

    fn say_if_outside(&mut self, place: Place, path: &str) {
        let first = self.open.first().map_or("", String::as_str);
        let folder = first.rsplit_once('/').map_or("", |(folder, _)| folder);
        let outside = if folder.is_empty() {
            path.starts_with('/') || path.starts_with("../")
        } else {
            !path.starts_with(&format!("{folder}/"))
        };
        if outside {
            let message = format!("{} was read from outside the folder of {}", shown(path), shown(first));
            self.notes.note(place, message);
        }
    }

    fn target(&mut self, mut element: Element, at: At<'_>) -> Result<Vec<Element>, ImportError> {
        let mut attributes = Attributes::of(&element, &mut self.notes);
        let name = attributes.must("name", &mut self.notes).map(|name| name.value.clone());
        attributes.finish(&mut self.notes);
        let Some(name) = name else { return Ok(Vec::new()) };
        if at.chosen.contains(&name) || at.inside == Some(name.as_str()) {
            self.fill(&mut element, at)?;
            return Ok(element.children);
        }
        if let Some(outer) = at.inside {
            let reason = format!(
                "it stands in target {} and would need both; floe's targets do not depend on each other",
                shown(outer)
            );
            self.notes.left_out(&element, &reason);
            return Ok(Vec::new());
        }
        if !self.targets.contains(&name) {
            if self.targets.len() == TARGETS_MAX {
                let reason = format!("it is one more than {TARGETS_MAX} targets");
                self.notes.left_out(&element, &reason);
                return Ok(Vec::new());
            }
            self.targets.push(name.clone());
        }
        let at = At {
            inside: Some(&name),
            ..at
        };
        self.fill(&mut element, at)?;
        Ok(vec![element])
    }
}

/// The path of a file that another one names, `.` and `..` taken out as far as the text allows.
fn beside(from: &str, file: &str) -> String {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let rooted = file.starts_with('/') || from.starts_with('/');
    let joined = if file.starts_with('/') {
        file.to_owned()
    } else {
        format!("{folder}/{file}")
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    format!("{}{}", if rooted { "/" } else { "" }, parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn an_included_file_stands_beside_the_one_that_names_it() {
        for (from, file, path) in [
            ("shop.xml", "web.xml", "web.xml"),
            ("etc/shop.xml", "web.xml", "etc/web.xml"),
            ("etc/shop.xml", "./a/../web.xml", "etc/web.xml"),
            ("etc/shop.xml", "../web.xml", "web.xml"),
            ("shop.xml", "../web.xml", "../web.xml"),
            ("../shop.xml", "../web.xml", "../../web.xml"),
            ("/etc/shop.xml", "../../web.xml", "/web.xml"),
            ("etc/shop.xml", "/srv/web.xml", "/srv/web.xml"),
        ] {
            assert_eq!(beside(from, file), path, "{from} + {file}");
        }
    }
}
