//! Asks a server whether it is ready: connects, or makes an HTTP request, until the answer is good.

use crate::pure::supervisor::Probe;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// The first pause: a small server is ready within milliseconds, and whoever waits for it waits for this as well.
const PAUSE_FIRST: Duration = Duration::from_millis(1);
/// The longest pause: what a slow server costs at most after it is ready.
const PAUSE_LONGEST: Duration = Duration::from_millis(100);
/// How long one connection may take: on this or a near machine it takes no time.
const CONNECT: Duration = Duration::from_secs(1);
/// How long one HTTP request may take, connection included.
const REQUEST: Duration = Duration::from_secs(5);
/// A status line is read this far, in bytes: `HTTP/1.1 200` and a short reason.
const STATUS_BYTES_MAX: usize = 256;

/// Returns when the answer was good. Tries for ever; whoever waits cancels it.
pub(super) async fn until_ready(probe: &Probe) {
    let mut pause = PAUSE_FIRST;
    while !is_ready(probe).await {
        sleep(pause).await;
        pause = (pause * 5 / 4).min(PAUSE_LONGEST);
    }
}

async fn is_ready(probe: &Probe) -> bool {
    let target = probe.address.to_string();
    let Some(path) = &probe.path else {
        return matches!(timeout(CONNECT, TcpStream::connect(&target)).await, Ok(Ok(_)));
    };
    let status = timeout(REQUEST, get(&target, path)).await;
    matches!(status, Ok(Ok(Some(200..=399))))
}

/// The status of a GET. Of the answer nothing but the status line is read.
async fn get(target: &str, path: &str) -> std::io::Result<Option<u16>> {
    let mut stream = TcpStream::connect(target).await?;
    let path = escaped(path);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: floe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = [0; STATUS_BYTES_MAX];
    let mut length = 0;
    while length < bytes.len() && !bytes[..length].contains(&b'\n') {
        match stream.read(&mut bytes[length..]).await? {
            0 => break,
            more => length += more,
        }
    }
    Ok(status_of(&bytes[..length]))
}

/// `HTTP/1.1 204 No Content`.
fn status_of(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line.split(|byte| *byte == b'\n').next()?).ok()?;
    let (version, rest) = line.split_once(' ')?;
    let digits = rest.split([' ', '\r']).next().filter(|digits| digits.len() == 3)?;
    version.starts_with("HTTP/1.").then_some(())?;
    digits.parse().ok()
}

/// What would end the request line early, or is no ASCII, in percent form.
fn escaped(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic();
    let parts = path.bytes().map(|byte| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn status_lines_are_read_and_paths_stay_in_their_line() {
        for (line, status) in [
            (&b"HTTP/1.1 204 No Content\r\n"[..], Some(204)),
            (b"HTTP/1.0 200\r\nX: y", Some(200)),
            (b"HTTP/1.1 2000 OK\r\n", None),
            (b"HTTP/2 200\r\n", None),
            (b"SSH-2.0-x\r\n", None),
            (b"\xff 200", None),
            (b"", None),
        ] {
            assert_eq!(status_of(line), status, "{line:?}");
        }
        assert_eq!(escaped("/a?b=c d\r\nX: y"), "/a?b=c%20d%0D%0AX:%20y");
    }

    #[tokio::test]
    async fn a_server_is_ready_by_a_good_answer_only() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().into();
        let path = Some("/healthz".to_owned());
        let probe = Probe { address, path };
        let answering = tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in ["HTTP/1.1 503 Later\r\n\r\n", "", "noise", "HTTP/1.1 302 Found\r\n\r\n"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 512];
                let length = stream.read(&mut request).await.unwrap();
                asked.push(String::from_utf8(request[..length].to_vec()).unwrap());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            asked
        });
        timeout(Duration::from_secs(20), until_ready(&probe)).await.unwrap();
        let asked = answering.await.unwrap();
        assert_eq!(asked.len(), 4);
        assert!(
            asked[3].starts_with("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:"),
            "{asked:?}"
        );
    }
}
