//! A registry and a node with a thousand servers that run.

use super::load::{Target, memory_mib};
use crate::{OBJECTS_EACH, SERVERS};
use floe::client::{Client, Options};
use floe::pure::base::limits::FRAME_BYTES_MAX;
use floe::pure::base::{Address, RequestId};
use floe::pure::model::{Application, ObjectHome, ObjectRecord};
use floe::pure::protocol::report::ServerState;
use floe::pure::protocol::{Envelope, Hello, Request, Response, Who};
use floe::pure::wire::{encode, frame};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(crate) struct Floe {
    _folder: tempfile::TempDir,
    address: Address,
    registry: Child,
    node: Child,
    runtime: tokio::runtime::Runtime,
    client: Client,
}

/// Updates that come in one after the other.
pub(crate) struct Updates {
    stop: Arc<AtomicBool>,
    running: tokio::task::JoinHandle<u32>,
    runtime: tokio::runtime::Handle,
}

impl Updates {
    /// How many there were.
    pub(crate) fn stop(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.runtime.block_on(self.running).expect("updates end")
    }
}

impl Drop for Floe {
    fn drop(&mut self) {
        // The node stops its servers first.
        let node = self.node.id().to_string();
        Command::new("kill")
            .args(["-TERM", &node])
            .status()
            .expect("kill is installed");
        self.node.wait().expect("our own child can be waited for");
        self.registry.kill().expect("our own child can be killed");
        self.registry.wait().expect("our own child can be waited for");
    }
}

fn free_address() -> Address {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = tcp.local_addr().expect("a bound port has an address");
        if UdpSocket::bind(address).is_ok() {
            return address.into();
        }
    }
}

fn application() -> Application {
    let mut text = "application = \"bench\"\n".to_owned();
    for number in 0..SERVERS {
        write!(
            text,
            "[[node.n1.server]]\nid = \"server-{number}\"\nrun = [\"/bin/sleep\", \"100000\"]\nactivation = \"always\"\n\
             adapter = [{{ name = \"a\", id = \"adapter-{number}\", endpoint = \"tcp://127.0.0.1:{}\" }}]\nobject = [",
            10_000 + number
        )
        .expect("writing to memory cannot fail");
        for object in 0..OBJECTS_EACH {
            let id = number * OBJECTS_EACH + object;
            write!(text, "{{ id = \"object-{id}\", type = \"t\" }}, ").expect("writing to memory cannot fail");
        }
        text.push_str("]\n");
    }
    Application::from_toml(&text, "bench").expect("the sample is valid")
}

pub(crate) fn start() -> Floe {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (address, node) = (free_address(), free_address());
    let run = |kind: &str, name: &str, listen: &Address, section: &str| {
        let (data, config) = (folder.path().join(name), folder.path().join(format!("{name}.toml")));
        let text = format!(
            "grid = \"bench\"\n[peer]\nname = \"{name}\"\nlisten = \"{listen}\"\ndata = \"{}\"\nlocator = [\"{address}\"]\n{section}\n[log]\nlevel = \"warn\"\n",
            data.display()
        );
        std::fs::write(&config, text).expect("the folder is ours");
        let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
        command.args([kind, "run", "--with-parent", "--config"]).arg(config);
        command
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts")
    };
    let registry = run("registry", "r1", &address, "[registry]\nrole = \"master\"");
    let stop = "[node]\non_stop = \"stop\"";
    let node = run("node", "n1", &node, stop);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let mut options = Options::new("bench");
    options.timeout = Duration::from_mins(1);
    let client = Client::new(vec![address.clone()], options);
    runtime.block_on(deploy(&client, application()));
    Floe {
        _folder: folder,
        address,
        registry,
        node,
        runtime,
        client,
    }
}

async fn deploy(client: &Client, application: Application) {
    let end = Instant::now() + Duration::from_mins(2);
    loop {
        let (application, request) = (application.clone(), RequestId::from_bits(1));
        let apply = Request::Apply {
            application,
            if_revision: None,
            request,
        };
        match client.call(apply).await {
            Ok(_) => break,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
    }
    loop {
        if let Ok(Response::Servers(rows)) = client.call(Request::Servers { application: None }).await
            && rows.len() == SERVERS
            && rows.iter().all(|row| row.state == ServerState::Active)
        {
            return;
        }
        assert!(Instant::now() < end, "the servers do not run");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Floe {
    pub(crate) fn memory_mib(&self) -> u64 {
        memory_mib(self.registry.id())
    }
    pub(crate) fn objects() -> Vec<String> {
        (0..SERVERS * OBJECTS_EACH)
            .map(|number| format!("object-{number}"))
            .collect()
    }
    pub(crate) fn adapters() -> Vec<String> {
        (0..SERVERS).map(|number| format!("adapter-{number}")).collect()
    }
    /// Updates from now on, one after the other.
    pub(crate) fn updates(&self) -> Updates {
        let stop = Arc::new(AtomicBool::new(false));
        let (client, stopped) = (self.client.clone(), stop.clone());
        let running = self.runtime.spawn(async move {
            let mut count = 0;
            while !stopped.load(Ordering::Relaxed) {
                count += 1;
                let object = ObjectRecord {
                    id: format!("new-{}", count % 100).parse().expect("an id"),
                    kind: "t".to_owned(),
                    home: ObjectHome::Adapter("adapter-1".parse().expect("an id")),
                };
                let request = RequestId::from_bits(1_000_000 + u128::from(count));
                client
                    .call(Request::PutObject { object, request })
                    .await
                    .expect("an update");
            }
            count
        });
        Updates {
            stop,
            running,
            runtime: self.runtime.handle().clone(),
        }
    }
}

impl Target for Floe {
    fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address.to_string()).expect("it listens");
        stream.set_nodelay(true).expect("a socket option");
        let hello = Hello {
            protocol: 1,
            protocol_min: 1,
            grid: None,
            who: Who::Client {
                actor: "bench".to_owned(),
            },
            refusal: None,
        };
        stream
            .write_all(&frame(&encode(&hello), FRAME_BYTES_MAX).expect("a small frame"))
            .expect("it reads");
        let mut head = [0; 4];
        stream.read_exact(&mut head).expect("its hello");
        let mut theirs = vec![0; u32::from_be_bytes(head) as usize];
        stream.read_exact(&mut theirs).expect("its hello");
        stream
    }
    fn request(&self, number: u32, id: &str) -> Vec<u8> {
        let request = Request::Resolve {
            id: id.to_owned(),
            at_least: None,
            count: None,
        };
        let envelope = Envelope::Request {
            id: u64::from(number),
            deadline_ms: 20_000,
            request,
        };
        frame(&encode(&envelope), FRAME_BYTES_MAX).expect("a small frame")
    }
    fn reply(&self, bytes: &[u8]) -> Option<usize> {
        let (head, body) = bytes.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*head) as usize;
        let body = body.get(..length)?;
        assert!(body.windows(9).any(|part| part == b"\x69endpoint"), "not found");
        Some(4 + length)
    }
}
