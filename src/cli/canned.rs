//! Answers in place of the grid, and one of each report, for the tests of the command line.

use super::args::Global;
use super::{Ask, Exit, Failing, Output, run};
use crate::pure::base::{Address, WallTime};
use crate::pure::membership::PeerKind;
use crate::pure::model::{Changes, Plan};
use crate::pure::protocol::history::RevisionRow;
use crate::pure::protocol::node::{Drained, ExplainReport, Loads, NodeDetail, Transition, Word};
use crate::pure::protocol::report::{
    ApplicationReport, AppliedReport, FollowerRow, Happening, Load, MasterReport, NodeRow, PeerRow, RegistryReport,
    RegistryRow, Resolved, ResolvedKind, ServerReport, ServerState, StatusReport,
};
use crate::pure::protocol::update::{Affected, Forecast};
use crate::pure::protocol::{Request, Response};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::rc::Rc;

pub(super) type Answer = Result<Response, Failing>;
pub(super) type Asked = (Option<Address>, Request);

/// Answers in order; what was asked is kept.
#[derive(Clone, Default)]
pub(super) struct Canned {
    pub(super) answers: Rc<RefCell<VecDeque<Answer>>>,
    pub(super) asked: Rc<RefCell<Vec<Asked>>>,
}
impl Canned {
    pub(super) fn of(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: Rc::new(RefCell::new(answers.into_iter().collect())),
            ..Self::default()
        }
    }
    fn next(&self) -> Answer {
        self.answers
            .borrow_mut()
            .pop_front()
            .expect("no more answers than asked for")
    }
    pub(super) fn asked(&self) -> Vec<Request> {
        self.asked.borrow().iter().map(|(_, request)| request.clone()).collect()
    }
}
impl Ask for Canned {
    fn ask(&mut self, request: Request) -> Result<Response, Failing> {
        let beside = matches!(request, Request::Usage { .. });
        if beside && self.answers.borrow().is_empty() {
            return Err(Failing::unreachable("its node does not answer"));
        }
        self.asked.borrow_mut().push((None, request));
        self.next()
    }
    fn ask_at(&mut self, address: &Address, request: Request) -> Result<Response, Failing> {
        self.asked.borrow_mut().push((Some(address.clone()), request));
        self.next()
    }
    fn pause(&mut self, _: std::time::Duration) {
        std::thread::sleep(std::time::Duration::from_micros(100));
    }
    fn happening(&mut self) -> Result<Happening, Failing> {
        match self.next()? {
            Response::Happened(happening) => Ok(*happening),
            other => panic!("{other:?} is no happening"),
        }
    }
}

pub(super) struct Said {
    pub(super) exit: Exit,
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs one command line, words separated by blanks.
pub(super) fn floe(line: &str, canned: &Canned) -> Said {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    let mut output = Output::new(&mut out, &mut err, false);
    let mut connect = |_: &Global| Ok(Box::new(canned.clone()) as Box<dyn Ask>);
    let exit = run(arguments, &mut output, &mut connect);
    Said {
        exit,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

#[track_caller]
pub(super) fn prints(line: &str, answer: Response, expected: &str) {
    let said = floe(line, &Canned::of([Ok(answer)]));
    assert_eq!((said.exit, said.err.as_str()), (Exit::Done, ""), "{line}");
    assert_eq!(said.out, expected.trim_start_matches('\n'), "{line}");
}

pub(super) fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

pub(super) fn status() -> StatusReport {
    let registry = |name: &str, role: &str, standing: &str, behind, port: u16, reason: &str| RegistryRow {
        name: name.into(),
        role: role.into(),
        standing: standing.into(),
        version: if standing == "unreachable" {
            String::new()
        } else {
            format!("4.{}", 93 - behind)
        },
        behind,
        address: format!("127.0.0.1:{port}"),
        reason: reason.into(),
    };
    StatusReport {
        grid: "shop".into(),
        answered_by: "r2".into(),
        master: Some(MasterReport {
            name: "r1".into(),
            epoch: 4,
            version: "4.93".into(),
            standing: "leading".into(),
        }),
        registries: vec![
            registry("r1", "master", "leading", 0, 7401, ""),
            registry("r2", "replica", "following", 2, 7402, ""),
            registry("r3", "", "unreachable", 0, 7403, "connection refused"),
        ],
        nodes: vec![NodeRow {
            name: "n1".into(),
            state: "up".into(),
            address: "127.0.0.1:7501".into(),
            obeys_epoch: 4,
            applied: "4.93".into(),
            servers_active: 3,
            servers_total: 4,
            load: Load(42),
            drained: false,
        }],
        warnings: vec!["r3 was not heard for 12 s: look at its log".into()],
    }
}

pub(super) fn server(id: &str) -> ServerReport {
    ServerReport {
        id: id.parse().unwrap(),
        application: "shop".parse().unwrap(),
        node: "n1".parse().unwrap(),
        state: ServerState::Active,
        enabled: true,
        pid: Some(4711),
        restarts: 0,
        reason: String::new(),
        endpoints: BTreeMap::from([("web-1.http".into(), "http://127.0.0.1:40001".into())]),
        next_try: None,
        tenure: None,
    }
}

pub(super) fn failing_server(id: &str) -> ServerReport {
    ServerReport {
        state: ServerState::BackingOff,
        enabled: false,
        pid: None,
        restarts: 7,
        reason: "ended with code 1".into(),
        endpoints: BTreeMap::new(),
        next_try: Some(WallTime(1_700_000_000_000)),
        tenure: None,
        ..server(id)
    }
}

pub(super) fn applied() -> AppliedReport {
    AppliedReport {
        application: "shop".into(),
        revision: 3,
        version: "4.94".into(),
        copies: 2,
        behind: texts(&["r3"]),
        plan: Plan {
            added: vec!["web-2".parse().unwrap()],
            removed: vec!["web-9".parse().unwrap()],
            restarted: vec!["web-1".parse().unwrap()],
            moved: vec![],
            changed: vec![],
            unchanged: vec!["gpu-0".parse().unwrap()],
            details: texts(&["web-1: run changed"]),
        },
        rolled_back_to: None,
        replaces: Some(2),
        affected: Affected::default(),
        absent: vec![],
    }
}

pub(super) fn forecast() -> Forecast {
    Forecast {
        application: "shop".into(),
        revision: 3,
        version: "4.93".into(),
        plan: applied().plan,
        affected: Affected::default(),
    }
}

pub(super) fn happening() -> Happening {
    Happening {
        time: WallTime(1_700_000_000_000),
        subject: "registry".into(),
        name: "r2".into(),
        state: "leading".into(),
        reason: "promoted".into(),
        version: Some("5.94".into()),
    }
}

pub(super) const SHOP: &str = "application = \"shop\"\n[[node.n1.server]]\nid = \"web-1\"\nrun = [\"/bin/web\"]\n";

/// A file that holds `text`, kept as long as the folder.
pub(super) fn file_of(text: &str, name: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

pub(super) fn peer() -> PeerRow {
    PeerRow {
        name: "r1".into(),
        kind: PeerKind::Registry,
        state: "alive".into(),
        address: "127.0.0.1:7401".into(),
        http: String::new(),
        version: "4.93".into(),
    }
}
pub(super) fn application_row() -> ApplicationReport {
    ApplicationReport {
        name: "shop".into(),
        revision: 3,
        servers: 4,
        version: "4.93".into(),
        time: WallTime(1_700_000_000_000),
        actor: "ada@desk".into(),
    }
}
pub(super) fn revision_row() -> RevisionRow {
    RevisionRow {
        revision: 3,
        action: "applied".into(),
        version: "4.93".into(),
        time: WallTime(1_700_000_000_000),
        actor: "ada@desk".into(),
        changes: Some(Changes {
            added: 1,
            restarted: 2,
            ..Changes::default()
        }),
        rolled_back_to: None,
        current: false,
    }
}
pub(super) fn registry() -> RegistryReport {
    RegistryReport {
        unproven: String::new(),
        name: "r1".into(),
        role: "master".into(),
        role_source: "file".into(),
        standing: "leading".into(),
        reason: String::new(),
        epoch: 4,
        version: "4.93".into(),
        digest: "ab12".into(),
        serial: 93,
        log_first: 1,
        database: "00ff".into(),
        followers: vec![FollowerRow {
            name: "r2".into(),
            version: "4.91".into(),
            behind: 2,
        }],
        others: Vec::new(),
    }
}
pub(super) fn resolved() -> Resolved {
    Resolved {
        id: "web".into(),
        kind: ResolvedKind::Group,
        endpoints: texts(&["http://127.0.0.1:40001", "http://127.0.0.1:40002"]),
        version: "4.93".into(),
    }
}

pub(super) fn node_detail() -> NodeDetail {
    let time = WallTime(1_700_000_000_000);
    NodeDetail {
        name: "n1".into(),
        host: "127.0.0.1".into(),
        address: "127.0.0.1:7501".into(),
        since: time,
        obeys_epoch: 4,
        applied: "4.93".into(),
        applied_since: time,
        labels: BTreeMap::from([("zone".into(), "a".into()), ("rack".into(), "7".into())]),
        load: Loads {
            one: Load(42),
            five: Load(40),
            fifteen: Load(38),
        },
        load_factor: "1/2".into(),
        processors: 2,
        drained: Some(Drained {
            keep_running: true,
            order: Word {
                by: "ada@desk".into(),
                time,
            },
        }),
        stopping: false,
        servers: BTreeMap::from([("active".into(), 3), ("inactive".into(), 1)]),
        running: 3,
        events: vec![happening()],
    }
}

pub(super) fn explained() -> ExplainReport {
    let time = WallTime(1_700_000_000_000);
    ExplainReport {
        server: failing_server("web-2"),
        activation: "always".into(),
        command: texts(&["/bin/web", "--port", "80"]),
        outdated: String::new(),
        disabled: format!("by ada@desk, at {time}"),
        stopped: String::new(),
        held: String::new(),
        transitions: vec![Transition {
            time,
            state: "backing-off".into(),
            reason: "exit code 1".into(),
            pid: Some(4711),
            run: None,
        }],
        stderr: "port 80 is taken\n".into(),
    }
}
