//! A renewal is told to its client only when enough replicas still obeyed this reign after it had come.
//!
//! Else a master that is cut off could renew what its successor, who counts the time anew from its own beginning, lets end:
//! the client would believe to hold what is another's. Whoever answered a beat had promised nobody else by then, so each
//! renewal that a client hears of was before the next reign, and that one's clocks run longer. Beats are not stored; while
//! one is under way, renewals gather for the next.

use super::super::effect::{Effect, ReplyTo};
use super::super::seat::Seat;
use super::super::state::Registry;
use crate::pure::base::{Moment, PeerName};
use crate::pure::lineage::Epoch;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Message, Response};

impl Registry {
    /// Says this when the reign is known to have gone on meanwhile.
    pub(super) fn say_if_obeyed(&mut self, to: ReplyTo, response: Response, moment: &Moment, out: &mut Vec<Effect>) {
        let until = moment.now.after(self.config.copy_deadline);
        if let Some(reigning) = self.reigning() {
            let beats = &mut reigning.desk.beats;
            beats.waiting.push_back((beats.sent + 1, until, to, response));
            self.beat(moment, out);
        }
    }

    /// Says what is confirmed, and asks anew when somebody waits and nothing is under way.
    pub(super) fn beat(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let Seat::Leading(reigning) = &self.seat else { return };
        let sent = reigning.desk.beats.sent;
        let obeyed = |beat: u64| self.is_enough(self.copies(|follower| follower.beat >= beat), true);
        // Where one copy is enough, nobody need be asked.
        let alone = obeyed(u64::MAX);
        let confirmed = alone || obeyed(sent);
        let Some(reigning) = self.reigning() else { return };
        let (epoch, beats) = (reigning.epoch, &mut reigning.desk.beats);
        while let Some((beat, until, to, response)) = beats.waiting.pop_front() {
            let said = alone || (confirmed && beat <= sent);
            if !said && moment.now < until {
                beats.waiting.push_front((beat, until, to, response));
                break;
            }
            let response = if said { response } else { Response::Failed(unheard()) };
            out.push(Effect::Reply {
                to,
                response,
                last: true,
            });
        }
        let open = beats.waiting.iter().any(|(beat, ..)| *beat > sent);
        if open && (confirmed || moment.now >= beats.again) {
            beats.sent += 1;
            beats.again = moment.now.after(super::super::desk::BEAT_AGAIN);
            let message = Message::AllocationsBeat {
                epoch,
                beat: beats.sent,
            };
            out.extend(reigning.followers.keys().map(|name| Effect::Send {
                to: name.clone(),
                message: message.clone(),
            }));
        }
    }

    /// The master asks whether it is still obeyed.
    pub(super) fn heard_beat(&self, from: &PeerName, epoch: Epoch, beat: u64, out: &mut Vec<Effect>) {
        if self.follows(from, epoch) {
            out.push(Effect::Send {
                to: from.clone(),
                message: Message::AllocationsBeatHeard { epoch, beat },
            });
        }
    }

    /// A replica still obeyed when it heard that beat.
    pub(super) fn beat_heard(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        beat: u64,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if self.reign() != Some(epoch) {
            return;
        }
        if let Some(reigning) = self.reigning() {
            let sent = reigning.desk.beats.sent;
            if let Some(follower) = reigning.followers.get_mut(from) {
                follower.beat = follower.beat.max(beat.min(sent));
            }
        }
        self.beat(moment, out);
    }
}

fn unheard() -> Failure {
    Failure::new(
        ErrorCode::InDoubt,
        "too few replicas confirmed in time that this registry still leads",
        "renew again: it is not harmful",
    )
}
