//! A link to a peer, from its admission to its end: messages in order between one `Linked` and one `Unlinked`.
//!
//! A full inbox holds the reading back, and so the other side; pings still go out, so that it does not take us for dead.

use super::Arrival;
use super::links::Seat;
use super::shared::{Counted, Shared};
use super::stream::{FrameReader, Outbox, StreamError, Writer};
use crate::pure::base::limits::FRAME_BYTES_MAX;
use crate::pure::membership::PeerCard;
use crate::pure::protocol::Envelope;
use crate::pure::wire::{decode, encode, frame};
use std::sync::Arc;
use tokio::sync::mpsc;

/// An envelope as a frame. `None` when it is larger than a frame may be.
pub(super) fn envelope_frame(envelope: &Envelope) -> Option<Vec<u8>> {
    frame(&encode(envelope), FRAME_BYTES_MAX)
}

/// One connection to a peer, both hellos said.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) shared: Arc<Shared>,
    pub(super) card: PeerCard,
    pub(super) seat: Seat,
    pub(super) reader: FrameReader,
    pub(super) outbox: Outbox,
    pub(super) writer: Writer,
}

impl Link {
    /// Serves the link until its end.
    pub(super) async fn run(self) {
        let Self {
            shared,
            card,
            mut seat,
            mut reader,
            outbox,
            mut writer,
        } = self;
        let settings = &shared.settings;
        let ping = envelope_frame(&Envelope::Ping).expect("a ping is a small frame");
        let mut linked = None;
        reader.allow(FRAME_BYTES_MAX);
        let (reason, stopping) = tokio::select! {
            biased;
            reason = outbox.closing() => (reason, false),
            () = shared.stopping() => (format!("{} stops", settings.card.name), true),
            error = writer.run(Some((settings.ping_interval, &ping))) => (error.to_string(), false),
            reason = async {
                wait_for_predecessor(&mut seat).await;
                let Ok(room) = shared.arrivals.reserve().await else {
                    return "nobody takes what arrives".to_owned();
                };
                shared.links.ready(&seat);
                room.send(Arrival::Linked(card.clone()));
                linked = Some(Counted::link(card.kind));
                tracing::info!(peer = %card.name, address = %card.address, "linked");
                reader.touch();
                read(&shared, &card, &mut reader, &outbox).await
            } => (reason, false),
        };
        shared.links.closing(&seat);
        if stopping && writer.drain(settings.stop_grace / 2).await.is_ok() {
            writer.finish().await;
        }
        if linked.take().is_some() {
            tracing::info!(peer = %card.name, %reason, "unlinked");
            let peer = card.name;
            // Fails only when nobody takes arrivals any more.
            shared.arrivals.send(Arrival::Unlinked { peer, reason }).await.ok();
        }
        // A link that was replaced before it began must not let its successor overtake its predecessor.
        wait_for_predecessor(&mut seat).await;
        shared.links.remove(seat);
    }
}

async fn wait_for_predecessor(seat: &mut Seat) {
    if let Some(predecessor) = &mut seat.predecessor {
        // Nothing is ever sent: the error says that it is gone.
        predecessor.changed().await.ok();
        seat.predecessor = None;
    }
}

/// Hands messages over until there are no more; says why.
async fn read(shared: &Shared, card: &PeerCard, reader: &mut FrameReader, outbox: &Outbox) -> String {
    let pong = envelope_frame(&Envelope::Pong).expect("a pong is a small frame");
    loop {
        let payload = match reader.next(shared.settings.silence_max).await {
            Ok(payload) => payload,
            Err(error) => return describe(&error),
        };
        match decode::<Envelope>(&payload) {
            Ok(Envelope::Message(message)) => {
                let arrival = Arrival::Message {
                    from: card.name.clone(),
                    message: Box::new(message),
                };
                if hand_over(&shared.arrivals, reader, arrival).await.is_none() {
                    return "nobody takes what arrives".to_owned();
                }
            }
            Ok(Envelope::Ping) => {
                if !outbox.push(pong.clone()) {
                    return outbox.closing().await;
                }
            }
            Ok(Envelope::Pong) => {}
            Ok(Envelope::Request { .. } | Envelope::Response { .. } | Envelope::Cancel { .. }) => {
                return format!("{} sent a client's frame on a link between peers", card.name);
            }
            Err(error) => return format!("{} sent a frame that cannot be read: {error}", card.name),
        }
    }
}

async fn hand_over(arrivals: &mpsc::Sender<Arrival>, reader: &mut FrameReader, arrival: Arrival) -> Option<()> {
    if let Err(mpsc::error::TrySendError::Full(arrival)) = arrivals.try_send(arrival) {
        arrivals.send(arrival).await.ok()?;
        // It was we who did not read.
        reader.touch();
    }
    (!arrivals.is_closed()).then_some(())
}

fn describe(error: &StreamError) -> String {
    match error {
        StreamError::Silent(time) => format!("nothing was heard for {time:?}, it may be frozen or cut off"),
        other => other.to_string(),
    }
}
