//! What a process says of itself over its notify socket: the words of `sd_notify`, and one of our own.
//!
//! `READY=1`, `STOPPING=1`, `STATUS=text`, and `X_FLOE_ENDPOINT=adapter=uri`, which publishes an adapter's endpoint by the
//! adapter's name. What a process says is outside input: bounded, and what is malformed is left out with a word why.

use crate::pure::model::ServerSpec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest datagram that is read, in bytes: systemd's own bound is the page size.
pub const NOTICE_BYTES_MAX: usize = 4096;
/// Longest status that is kept, in characters: it stands in tables and reports.
pub const STATUS_CHARS_MAX: usize = 200;
/// Longest endpoint, in bytes: it travels in each report of the server.
pub const ENDPOINT_BYTES_MAX: usize = 1024;

/// One word of a process about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is ready.
    Ready,
    /// It is about to end by itself.
    Stopping,
    /// How it stands, for people.
    Status(String),
    /// Where one of its adapters is.
    Endpoint {
        /// The adapter, by its name within the server.
        adapter: String,
        /// Where.
        uri: String,
    },
}

/// Everything that one run of a server has said, as it stands. Kept by the node's shell as long as the process lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// It was ready.
    pub ready: bool,
    /// It is about to end.
    pub stopping: bool,
    /// Its last status.
    pub status: String,
    /// Endpoints that it published, by the adapter's name.
    pub endpoints: BTreeMap<String, String>,
}

impl Told {
    /// Takes a word in.
    pub fn hear(&mut self, word: &Word) {
        match word {
            Word::Ready => self.ready = true,
            Word::Stopping => self.stopping = true,
            Word::Status(text) => self.status.clone_from(text),
            Word::Endpoint { adapter, uri } => drop(self.endpoints.insert(adapter.clone(), uri.clone())),
        }
    }
    /// What came since `before`, as words. Endpoints come before `Ready`: who is active has them.
    pub fn news(&self, before: &Self) -> Vec<Word> {
        let endpoints = self.endpoints.iter();
        let endpoints = endpoints.filter(|(adapter, uri)| before.endpoints.get(*adapter) != Some(*uri));
        let endpoints = endpoints.map(|(adapter, uri)| Word::Endpoint {
            adapter: adapter.clone(),
            uri: uri.clone(),
        });
        let mut words: Vec<Word> = endpoints.collect();
        if self.status != before.status {
            words.push(Word::Status(self.status.clone()));
        }
        words.extend((self.ready && !before.ready).then_some(Word::Ready));
        words.extend((self.stopping && !before.stopping).then_some(Word::Stopping));
        words
    }
}

/// The words of one datagram of a server, and what is wrong with the rest of it, for the log. Keys that are not ours are
/// left out silently: programs say more to their service managers than floe asks for.
pub fn words_of(datagram: &[u8], spec: &ServerSpec) -> (Vec<Word>, Vec<String>) {
    let (mut words, mut faults) = (Vec::new(), Vec::new());
    if datagram.len() > NOTICE_BYTES_MAX {
        return (words, vec![format!("a notice of more than {NOTICE_BYTES_MAX} bytes")]);
    }
    let Ok(text) = std::str::from_utf8(datagram) else {
        return (words, vec!["a notice that is not UTF-8".to_owned()]);
    };
    let mut ready = false;
    for line in text.lines() {
        match line.split_once('=') {
            Some(("READY", "1")) => ready = true,
            Some(("STOPPING", "1")) => words.push(Word::Stopping),
            Some(("STATUS", text)) => words.push(Word::Status(status_of(text))),
            Some(("X_FLOE_ENDPOINT", rest)) => match endpoint_of(rest, spec) {
                Ok(word) => words.push(word),
                Err(fault) => faults.push(fault),
            },
            _ => (),
        }
    }
    // Whatever order the lines have: who is active has its endpoints.
    words.extend(ready.then_some(Word::Ready));
    (words, faults)
}

fn status_of(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(STATUS_CHARS_MAX).collect::<String>().trim().to_owned()
}

fn endpoint_of(rest: &str, spec: &ServerSpec) -> Result<Word, String> {
    let shown: String = rest.chars().take(80).collect();
    let Some((adapter, uri)) = rest.split_once('=') else {
        return Err(format!("X_FLOE_ENDPOINT wants adapter=uri, not {shown:?}"));
    };
    if !spec.adapters.iter().any(|known| known.name == adapter) {
        return Err(format!(
            "X_FLOE_ENDPOINT names an adapter that the definition does not have: {shown:?}"
        ));
    }
    let plain = |c: char| c.is_ascii_graphic();
    if uri.is_empty() || uri.len() > ENDPOINT_BYTES_MAX || !uri.chars().all(plain) {
        return Err(format!(
            "X_FLOE_ENDPOINT wants a URI without blanks, at most {ENDPOINT_BYTES_MAX} bytes: {shown:?}"
        ));
    }
    let (adapter, uri) = (adapter.to_owned(), uri.to_owned());
    Ok(Word::Endpoint { adapter, uri })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::model::AdapterSpec;
    use proptest::prelude::*;

    fn spec() -> ServerSpec {
        let adapter = AdapterSpec {
            name: "http".into(),
            id: "s.http".parse().unwrap(),
            group: None,
            endpoint: String::new(),
            priority: 0,
        };
        ServerSpec {
            adapters: vec![adapter],
            ..ServerSpec::new("s".parse().unwrap(), "a".parse().unwrap(), vec!["x".into()])
        }
    }

    #[test]
    fn words_are_read_and_nonsense_is_left_out() {
        let endpoint = |uri: &str| Word::Endpoint {
            adapter: "http".into(),
            uri: uri.into(),
        };
        let long = format!("X_FLOE_ENDPOINT=http=tcp://{}", "x".repeat(ENDPOINT_BYTES_MAX));
        let table: Vec<(&[u8], Vec<Word>, usize)> = vec![
            (b"READY=1", vec![Word::Ready], 0),
            (b"READY=0\nREADY\n=1\n\nMAINPID=4\nBARRIER=1", vec![], 0),
            (b"STOPPING=1\n", vec![Word::Stopping], 0),
            (b"STATUS=a\tb=c", vec![Word::Status("a b=c".into())], 0),
            // Endpoints stand before the word that makes them seen.
            (
                b"READY=1\nX_FLOE_ENDPOINT=http=tcp://h:1/a=b",
                vec![endpoint("tcp://h:1/a=b"), Word::Ready],
                0,
            ),
            (b"X_FLOE_ENDPOINT=other=tcp://h:1\nREADY=1", vec![Word::Ready], 1),
            (
                b"X_FLOE_ENDPOINT=http\nX_FLOE_ENDPOINT=http=\nX_FLOE_ENDPOINT=http=a b",
                vec![],
                3,
            ),
            (long.as_bytes(), vec![], 1),
            (b"\xff", vec![], 1),
            (&[b'x'; NOTICE_BYTES_MAX + 1], vec![], 1),
        ];
        for (datagram, words, faults) in table {
            let (found, wrong) = words_of(datagram, &spec());
            let shown = String::from_utf8_lossy(datagram);
            assert_eq!((found, wrong.len()), (words, faults), "{shown:?}: {wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_bounded(datagram in prop::collection::vec(any::<u8>(), 0..300), text in "(READY=1|STATUS=.{0,300}|X_FLOE_ENDPOINT=http=.{0,40})") {
            for bytes in [datagram, text.into_bytes()] {
                let mut told = Told::default();
                for word in words_of(&bytes, &spec()).0 {
                    told.hear(&word);
                }
                prop_assert!(told.status.chars().count() <= STATUS_CHARS_MAX);
                let mut again = Told::default();
                for word in told.news(&Told::default()) {
                    again.hear(&word);
                }
                prop_assert_eq!(again, told);
            }
        }
    }
}
