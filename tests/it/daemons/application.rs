//! Applications to deploy, as operators write them.

use floe::pure::model::Application;
use std::fmt::Write as _;

/// The program under test; its hidden verb `dev-web` is the web server of these applications.
pub(super) const FLOE: &str = env!("CARGO_BIN_EXE_floe");

/// An application's text, growing by servers.
#[derive(Clone, Debug)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn new(name: &str) -> Self {
        Self(format!("application = \"{name}\"\n"))
    }
    /// A real web server on a port that its node chooses, in no group.
    pub(super) fn web(self, node: &str, id: &str, activation: &str) -> Self {
        self.web_in(node, id, activation, None)
    }
    /// The same in a group.
    pub(super) fn web_in(mut self, node: &str, id: &str, activation: &str, group: Option<&str>) -> Self {
        let group = group.map(|group| format!("group = \"{group}\"\n")).unwrap_or_default();
        write!(
            self.0,
            "\n[[node.{node}.server]]\nid = \"{id}\"\nrun = [\"{FLOE}\", \"dev-web\", \"--listen\", \"${{node.host}}:${{port.http}}\", \"--name\", \"${{server}}\"]\nactivation = \"{activation}\"\nready = {{ tcp = \"http\" }}\n[[node.{node}.server.adapter]]\nname = \"http\"\n{group}endpoint = \"http://${{node.host}}:${{port.http}}\"\n"
        )
        .expect("writing to memory cannot fail");
        self
    }
    /// A server that is a shell script; `more` holds further keys.
    pub(super) fn shell(self, node: &str, id: &str, script: &str, more: &str) -> Self {
        self.run(node, id, &format!("[\"/bin/sh\", \"-c\", {script:?}]"), more)
    }
    /// A server that runs anything; `run` is its array in TOML.
    pub(super) fn run(mut self, node: &str, id: &str, run: &str, more: &str) -> Self {
        write!(self.0, "\n[[node.{node}.server]]\nid = \"{id}\"\nrun = {run}\n{more}\n")
            .expect("writing to memory cannot fail");
        self
    }
    /// Servers that exist on paper only.
    pub(super) fn idle(self, node: &str, id: &str) -> Self {
        self.run(node, id, "[\"/bin/true\"]", "")
    }
    /// Further lines at the end, a group for instance.
    pub(super) fn more(mut self, lines: &str) -> Self {
        self.0.push_str(lines);
        self
    }
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
    pub(super) fn parse(&self) -> Application {
        Application::from_toml(&self.0, "test.toml").unwrap_or_else(|faults| panic!("{faults:?} in\n{}", self.0))
    }
}
