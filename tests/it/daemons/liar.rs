//! A peer that speaks the protocol and lies, against real registries: epochs that no grid came to, serials and digests that
//! are not there, another grid. It is told no, and nothing has changed.

use super::application::Text;
use super::grid::{Grid, PATIENCE};
use floe::pure::base::limits::{FRAME_BYTES_MAX, HELLO_FRAME_BYTES_MAX, PROTOCOL, PROTOCOL_MIN};
use floe::pure::base::{DatabaseId, EpochId, InstanceId};
use floe::pure::lineage::claim::RefusalCode;
use floe::pure::lineage::{Epoch, Summary};
use floe::pure::membership::{PeerCard, PeerKind, Standing};
use floe::pure::protocol::report::RegistryReport;
use floe::pure::protocol::{Envelope, Hello, Message, Status, Who};
use floe::pure::wire::{Frames, decode, encode, frame};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A connection to a registry, as a peer called `r9`.
struct Liar {
    stream: TcpStream,
    frames: Frames,
}

impl Liar {
    /// Says hello for a grid. Gives the answer too.
    async fn meet(grid: &Grid, name: &str, of: &str) -> (Self, Hello) {
        let stream = TcpStream::connect(grid.address(name).to_string()).await;
        let mut liar = Self {
            stream: stream.expect("it listens"),
            frames: Frames::new(FRAME_BYTES_MAX),
        };
        let card = PeerCard {
            name: "r9".parse().expect("a name"),
            kind: PeerKind::Registry,
            instance: InstanceId::from_bits(9),
            generation: 1,
            // Nobody listens there.
            address: "127.0.0.1:9".parse().expect("an address"),
            http: None,
        };
        let hello = Hello {
            protocol: PROTOCOL,
            protocol_min: PROTOCOL_MIN,
            grid: Some(of.parse().expect("a name")),
            who: Who::Peer(card),
            refusal: None,
        };
        liar.write(&frame(&encode(&hello), HELLO_FRAME_BYTES_MAX).expect("it is small"))
            .await;
        let answer = liar.read().await.expect("a hello comes back");
        (liar, decode(&answer).expect("a hello"))
    }
    async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("it reads");
    }
    async fn say(&mut self, message: Message) {
        let bytes = encode(&Envelope::Message(message));
        self.write(&frame(&bytes, FRAME_BYTES_MAX).expect("it fits")).await;
    }
    /// The next frame; `None` when the other side hung up.
    async fn read(&mut self) -> Option<Vec<u8>> {
        let next = async {
            let mut buffer = vec![0; 4096];
            loop {
                if let Some(frame) = self.frames.pop().expect("frames") {
                    return Some(frame);
                }
                match self.stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return None,
                    Ok(count) => self.frames.push(&buffer[..count]),
                }
            }
        };
        timeout(PATIENCE, next).await.expect("it answers or hangs up")
    }
    /// Waits for a message that the check takes.
    async fn hears<T>(&mut self, check: impl Fn(Message) -> Option<T>) -> T {
        loop {
            let frame = self.read().await.expect("it does not hang up");
            match decode::<Envelope>(&frame) {
                Ok(Envelope::Message(message)) => {
                    if let Some(found) = check(message) {
                        return found;
                    }
                }
                Ok(Envelope::Ping) => {
                    let pong = frame_of(&Envelope::Pong);
                    self.write(&pong).await;
                }
                other => drop(other),
            }
        }
    }
}

fn frame_of(envelope: &Envelope) -> Vec<u8> {
    frame(&encode(envelope), FRAME_BYTES_MAX).expect("it fits")
}

fn lie(number: u64) -> Epoch {
    Epoch {
        number,
        id: EpochId::from_bits(66),
    }
}

fn same(before: &RegistryReport, after: &RegistryReport) {
    assert_eq!(
        (&before.standing, before.epoch, &before.version, &before.digest),
        (&after.standing, after.epoch, &after.version, &after.digest)
    );
}

#[tokio::test]
async fn a_peer_that_lies_is_told_no_and_changes_nothing() {
    let mut grid = Grid::new(&["r1", "r2"], &[]);
    grid.start_all();
    grid.settled("r1", &["r2"], &[]).await;
    grid.apply(&["r1"], &Text::new("common").idle("n1", "s1")).await;
    for (name, standing) in [("r1", "leading"), ("r2", "following")] {
        let before = grid
            .registry(name, "is as it should", |report| report.standing == standing)
            .await;
        let (mut liar, hello) = Liar::meet(&grid, name, "test").await;
        assert_eq!(hello.refusal, None);
        let honest: Status = liar
            .hears(|message| match message {
                Message::Status(status) => Some(*status),
                _ => None,
            })
            .await;
        let database = honest.summary.database;
        // An epoch that would be the last of all.
        for number in [u64::MAX, u64::MAX - 1, 1 << 40] {
            let epoch = lie(number);
            liar.say(Message::Prepare { epoch, database }).await;
            let declined = liar.hears(|message| match message {
                Message::Declined { epoch, promise } => Some((epoch, promise)),
                _ => None,
            });
            assert_eq!(declined.await, (epoch, honest.promise));
            let claim = Status {
                claim: Some(epoch),
                promise: epoch,
                ..honest.clone()
            };
            liar.say(Message::Status(Box::new(claim))).await;
            let refusal = liar.hears(|message| match message {
                Message::Refusal { epoch, code, text, .. } => Some((epoch, code, text)),
                _ => None,
            });
            let (refused, code, text) = refusal.await;
            assert_eq!((refused, code), (epoch, RefusalCode::EpochJump), "{text}");
            assert!(text.contains("r9") && text.contains(name), "{text}");
        }
        // The next number, for another database.
        let epoch = lie(honest.promise.number + 1);
        let database = Some(DatabaseId::from_bits(5));
        liar.say(Message::Prepare { epoch, database }).await;
        let declined = liar.hears(|message| matches!(message, Message::Declined { .. }).then_some(()));
        declined.await;
        // The same number again, and a serial that nobody wrote.
        let mut summary: Summary = honest.summary.clone();
        summary.end.serial += 1_000;
        let contest = Status {
            claim: Some(lie(honest.promise.number - 1)),
            promise: honest.promise,
            summary,
            standing: Standing::Leading,
            reason: String::new(),
            unproven: false,
            drawn: None,
            preparing: false,
            allocations: floe::pure::allocation::Mark::default(),
        };
        liar.say(Message::Status(Box::new(contest))).await;
        let stale = liar.hears(|message| match message {
            Message::Refusal { code, .. } => Some(code),
            _ => None,
        });
        assert_eq!(stale.await, RefusalCode::StaleMaster);
        // It takes the serial back: what a registry was last heard to hold counts when a master restarts, and would make
        // this one wait for an operator.
        let quiet = Status { claim: None, ..honest };
        liar.say(Message::Status(Box::new(quiet))).await;
        liar.say(Message::Survey).await;
        liar.hears(|message| matches!(message, Message::Status(_)).then_some(()))
            .await;
        let after = grid.registry(name, "answers", |_| true).await;
        same(&before, &after);
        let (_, hello) = Liar::meet(&grid, name, "other").await;
        let refusal = hello.refusal.expect("another grid is refused");
        assert!(refusal.contains("other") && refusal.contains("test"), "{refusal}");
        // A frame that says it is larger than any hello.
        let mut raw = TcpStream::connect(grid.address(name).to_string())
            .await
            .expect("it listens");
        raw.write_all(&[0xff; 64]).await.expect("it reads");
        let mut rest = Vec::new();
        let end = timeout(PATIENCE, raw.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "it hangs up");
    }
    // And the grid goes on: a restarted master draws the next small number, liars in its memory or not.
    grid.kill("r1").await;
    grid.start("r1");
    grid.settled("r1", &["r2"], &[]).await;
    let report = grid
        .registry("r1", "leads", |report| report.standing == "leading")
        .await;
    assert!(report.epoch < 10, "{report:?}");
}
