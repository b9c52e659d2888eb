//! IceGrid's registry with as many objects and adapters, asked in its own protocol (Ice 1.0 messages, 1.1 encoding).

use super::load::{Target, memory_mib};
use crate::{OBJECTS_EACH, SERVERS};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct IceGrid {
    folder: tempfile::TempDir,
    client: u16,
    registry: Child,
}

impl Drop for IceGrid {
    fn drop(&mut self) {
        self.registry.kill().expect("our own child can be killed");
        self.registry.wait().expect("our own child can be waited for");
    }
}

fn free_port() -> u16 {
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
    tcp.local_addr().expect("a bound port has an address").port()
}

/// `None` where it is not installed.
pub(crate) fn start() -> Option<IceGrid> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("db")).expect("the folder is ours");
    let (client, server) = (free_port(), free_port());
    let config = format!(
        "IceGrid.InstanceName=IceGrid\nIceGrid.Registry.Client.Endpoints=tcp -h 127.0.0.1 -p {client}\n\
         IceGrid.Registry.Server.Endpoints=tcp -h 127.0.0.1 -p {server}\nIceGrid.Registry.Internal.Endpoints=tcp -h 127.0.0.1\n\
         IceGrid.Registry.LMDB.Path={}\nIceGrid.Registry.DynamicRegistration=1\nIceGrid.Registry.Discovery.Enabled=0\n\
         IceGrid.Registry.AdminPermissionsVerifier=IceGrid/NullPermissionsVerifier\n",
        path("db").display()
    );
    std::fs::write(path("config"), config).expect("the folder is ours");
    let mut command = Command::new("icegridregistry");
    command.arg(format!("--Ice.Config={}", path("config").display()));
    let registry = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let icegrid = IceGrid {
        folder,
        client,
        registry,
    };
    wait_for(client);
    icegrid.deploy();
    IceGrid::register(server);
    Some(icegrid)
}

fn wait_for(port: u16) {
    let end = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "icegridregistry does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl IceGrid {
    pub(crate) fn memory_mib(&self) -> u64 {
        memory_mib(self.registry.id())
    }

    /// The same servers and objects, on paper: a node would need programs that speak Ice.
    fn deploy(&self) {
        let mut text = "<icegrid><application name=\"bench\"><node name=\"n1\">".to_owned();
        for number in 0..SERVERS {
            write!(text, "<server id=\"server-{number}\" exe=\"/bin/sleep\"><adapter name=\"a\" id=\"paper-{number}\" endpoints=\"tcp\">")
                .expect("writing to memory cannot fail");
            for object in 0..OBJECTS_EACH {
                let id = number * OBJECTS_EACH + object;
                write!(text, "<object identity=\"object-{id}\" type=\"t\"/>").expect("writing to memory cannot fail");
            }
            text.push_str("</adapter></server>");
        }
        text.push_str("</node></application></icegrid>");
        let file = self.folder.path().join("bench.xml");
        std::fs::write(&file, text).expect("the folder is ours");
        let said = Command::new("icegridadmin")
            .arg(format!(
                "--Ice.Default.Locator=IceGrid/Locator:tcp -h 127.0.0.1 -p {}",
                self.client
            ))
            .args(["-u", "x", "-p", "x", "-e"])
            .arg(format!("application add '{}'", file.display()))
            .output()
            .expect("icegridadmin is installed beside it");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }

    /// Adapters that are active, by dynamic registration.
    fn register(server: u16) {
        let mut stream = connect(server);
        for number in 0..SERVERS {
            let mut parameters = Vec::new();
            put_text(&mut parameters, &format!("adapter-{number}"));
            // A proxy: identity, facet, two-way, not secure, protocol and encoding, one TCP endpoint.
            put_text(&mut parameters, "dummy");
            put_text(&mut parameters, "");
            parameters.extend_from_slice(&[0, 0, 0, 1, 0, 1, 1, 1]);
            let mut endpoint = Vec::new();
            put_text(&mut endpoint, "127.0.0.1");
            let port = 10_000 + i32::try_from(number).expect("a small number");
            endpoint.extend_from_slice(&port.to_le_bytes());
            endpoint.extend_from_slice(&60_000_i32.to_le_bytes());
            endpoint.push(0);
            parameters.extend_from_slice(&1_i16.to_le_bytes());
            put_encapsulation(&mut parameters, &endpoint);
            let asked = request(1, "LocatorRegistry", "setAdapterDirectProxy", &parameters);
            stream.write_all(&asked).expect("it reads");
            let mut head = [0; 14];
            stream.read_exact(&mut head).expect("a reply");
            let mut body = vec![0; size_of(&head) - 14];
            stream.read_exact(&mut body).expect("a reply");
            assert_eq!(body[4], 0, "adapter-{number} was not registered: {body:?}");
        }
    }
}

/// The size that a message's head tells, itself included.
fn size_of(head: &[u8]) -> usize {
    u32::from_le_bytes([head[10], head[11], head[12], head[13]]) as usize
}

fn connect(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_nodelay(true).expect("a socket option");
    // It says that the connection is valid.
    stream.read_exact(&mut [0; 14]).expect("its first message");
    stream
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(u8::try_from(text.len()).expect("a short text"));
    bytes.extend_from_slice(text.as_bytes());
}

fn put_encapsulation(bytes: &mut Vec<u8>, inside: &[u8]) {
    let size = i32::try_from(inside.len() + 6).expect("a small message");
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(&[1, 1]);
    bytes.extend_from_slice(inside);
}

fn request(number: u32, object: &str, operation: &str, parameters: &[u8]) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    put_text(&mut body, object);
    put_text(&mut body, "IceGrid");
    body.push(0);
    put_text(&mut body, operation);
    body.extend_from_slice(&[2, 0]);
    put_encapsulation(&mut body, parameters);
    let mut message = b"IceP\x01\x00\x01\x00\x00\x00".to_vec();
    let size = i32::try_from(body.len() + 14).expect("a small message");
    message.extend_from_slice(&size.to_le_bytes());
    message.extend_from_slice(&body);
    message
}

impl Target for IceGrid {
    fn connect(&self) -> TcpStream {
        connect(self.client)
    }
    fn request(&self, number: u32, id: &str) -> Vec<u8> {
        let mut parameters = Vec::new();
        put_text(&mut parameters, id);
        if id.starts_with("adapter") {
            return request(number, "Locator", "findAdapterById", &parameters);
        }
        put_text(&mut parameters, "");
        request(number, "Locator", "findObjectById", &parameters)
    }
    fn reply(&self, bytes: &[u8]) -> Option<usize> {
        let head = bytes.get(..14)?;
        let length = size_of(head);
        let body = bytes.get(14..length)?;
        // A request's number, that all went well, an encapsulation, a proxy that is not null.
        assert!(body[4] == 0 && body[11] != 0, "not found: {body:?}");
        Some(length)
    }
}
