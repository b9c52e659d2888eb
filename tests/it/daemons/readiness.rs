//! When a server counts as active: by HTTP, by its own word, by time; and that a node's restart does not forget it.

use super::activation::small_grid;
use super::application::Text;
use super::grid::Grid;
use floe::pure::protocol::report::ServerState;
use std::fs;

const R: [&str; 1] = ["r1"];
const ADAPTER: &str =
    "activation = \"always\"\nadapter = [{ name = \"http\", endpoint = \"http://${node.host}:${port.http}\" }]";

/// Answers 503 until a file is there.
const HTTP: &str = "import os, http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204 if os.path.exists('good') and self.path == '/healthz' else 503)
        self.end_headers()
http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT_HTTP'])), Handler).serve_forever()
";

/// Says what its file `say` holds, whenever that is there, and takes it away.
const NOTIFY: &str = "import os, socket, time
address = os.environ['NOTIFY_SOCKET'].replace('@', chr(0), 1)
while True:
    if os.path.exists('say'):
        text = open('say').read()
        os.remove('say')
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(text.encode(), address)
    time.sleep(0.01)
";

/// Puts a file into a server's directory, whole.
fn put(grid: &Grid, server: &str, name: &str, text: &str) {
    let data = grid.data("n1").join("servers").join(server).join("data");
    fs::write(data.join("new"), text).expect("a file");
    fs::rename(data.join("new"), data.join(name)).expect("a file");
}

#[tokio::test]
async fn a_server_is_active_when_it_answers_well_or_has_run_long_enough() {
    let text = Text::new("one")
        .run(
            "n1",
            "http",
            &format!("[\"python3\", \"-c\", {HTTP:?}]"),
            &format!("{ADAPTER}\nready = {{ http = \"http\", path = \"/healthz\" }}"),
        )
        .shell(
            "n1",
            "after",
            "exec sleep 600",
            "activation = \"always\"\nready = { after = \"700ms\" }",
        );
    let grid = small_grid(&text).await;
    grid.active(&R, &["after"]).await;
    let explained = grid
        .floe_at(&R, &["server", "explain", "after", "--format", "json"])
        .await;
    let explained = explained.done().json();
    let times: Vec<i64> = explained["transitions"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["time"].as_i64().expect("a time"))
        .collect();
    let [activating, active] = times[..] else {
        panic!("{explained}")
    };
    assert!(active - activating >= 690, "{explained}");
    // It listens by now, and answers badly.
    let http = grid.server(&R, "http", "runs", |server| server.pid.is_some()).await;
    assert_eq!(http.state, ServerState::Activating);
    put(&grid, "http", "good", "");
    grid.active(&R, &["http"]).await;
}

#[tokio::test]
async fn what_a_server_says_of_itself_outlives_its_node() {
    let text = Text::new("one").run(
        "n1",
        "says",
        &format!("[\"python3\", \"-c\", {NOTIFY:?}]"),
        &format!("{ADAPTER}\nready = {{ notify = true }}"),
    );
    let mut grid = small_grid(&text).await;
    grid.server(&R, "says", "runs", |server| server.pid.is_some()).await;
    put(&grid, "says", "say", "STATUS=warming up");
    let server = grid
        .server(&R, "says", "says so", |server| !server.reason.is_empty())
        .await;
    assert_eq!(
        (server.state, server.reason.as_str()),
        (ServerState::Activating, "says: warming up")
    );
    put(
        &grid,
        "says",
        "say",
        "STATUS=\nX_FLOE_ENDPOINT=http=tcp://10.0.0.7:99\nREADY=1",
    );
    let before = grid.active(&R, &["says"]).await;
    assert_eq!(grid.resolve(&R, "says.http").await.endpoints, ["tcp://10.0.0.7:99"]);
    grid.restart("n1").await;
    grid.settled("r1", &[], &["n1"]).await;
    assert_eq!(grid.active(&R, &["says"]).await, before);
    assert_eq!(grid.resolve(&R, "says.http").await.endpoints, ["tcp://10.0.0.7:99"]);
    let explained = grid
        .floe_at(&R, &["server", "explain", "says", "--format", "json"])
        .await;
    let explained = explained.done().json();
    let last = explained["transitions"]
        .as_array()
        .and_then(|rows| rows.last())
        .expect("rows");
    assert_eq!(
        (&last["state"], &last["reason"]),
        (&"active".into(), &"its node started again and found it running".into()),
        "it was active at once: {explained}"
    );
    // The next life hears it as well.
    put(&grid, "says", "say", "X_FLOE_ENDPOINT=http=tcp://10.0.0.7:100");
    super::grid::until("the new endpoint is known", async || {
        let found = grid.resolve(&R, "says.http").await.endpoints;
        if found == ["tcp://10.0.0.7:100"] {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
    put(&grid, "says", "say", "STOPPING=1");
    grid.server(&R, "says", "goes", |server| server.state == ServerState::Deactivating)
        .await;
}
