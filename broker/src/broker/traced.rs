//! What clients publish, recorded as a trace where that is wanted: see [`telemetry`](crate::telemetry). Where it is off, each
//! publish costs a look at whether it is, and each delivery another.

use super::Broker;
use super::offer::protocol_of;
use super::publish::PublishRefused;
use crate::message::{Publication, Qos};
use crate::session::{Offered, Session};
use crate::spans::{Outcome, Party, Recording};
use crate::telemetry::{Begun, Telemetry};
use crate::turn::Turn;

impl Broker {
    /// Publishes what the client of `session` has sent: see [`Broker::publish`].
    ///
    /// # Errors
    ///
    /// [`PublishRefused`]; nobody has received it then.
    #[inline]
    pub fn publish_from(
        &self,
        turn: &mut Turn<'_>,
        session: &Session,
        publication: &Publication<'_>,
    ) -> Result<bool, PublishRefused> {
        match &self.telemetry {
            None => self.publish(turn, publication),
            Some(telemetry) => self.publish_recorded(turn, telemetry, session, publication),
        }
    }

    /// Publishes what the client of `session` has sent and that belongs together: see [`Broker::publish_together`].
    ///
    /// # Errors
    ///
    /// [`PublishRefused`]; nobody has received any of them then.
    pub fn publish_together_from(
        &self,
        turn: &mut Turn<'_>,
        session: &Session,
        publications: Vec<Publication<'_>>,
    ) -> Result<(), PublishRefused> {
        match &self.telemetry {
            None => self.publish_together(turn, &publications),
            Some(telemetry) => self.publish_together_recorded(turn, telemetry, session, publications),
        }
    }

    #[cold]
    fn publish_recorded(
        &self,
        turn: &mut Turn<'_>,
        telemetry: &Telemetry,
        session: &Session,
        publication: &Publication<'_>,
    ) -> Result<bool, PublishRefused> {
        let Some(begun) = self.begin(telemetry, session, publication) else {
            return self.publish(turn, publication);
        };
        let published = self.publish(turn, &begun.publication(publication));
        telemetry.keep(begun.end(published.err().map(error_type)));
        published
    }

    #[cold]
    fn publish_together_recorded(
        &self,
        turn: &mut Turn<'_>,
        telemetry: &Telemetry,
        session: &Session,
        publications: Vec<Publication<'_>>,
    ) -> Result<(), PublishRefused> {
        let begun: Vec<_> =
            publications.iter().map(|publication| self.begin(telemetry, session, publication)).collect();
        let recorded = publications.into_iter().zip(&begun).map(|(publication, begun)| match begun {
            Some(begun) => begun.publication(&publication),
            None => publication,
        });
        let recorded: Vec<_> = recorded.collect();
        let published = self.publish_together(turn, &recorded);
        drop(recorded);
        let error = published.err().map(error_type);
        begun.into_iter().flatten().for_each(|begun| telemetry.keep(begun.end(error)));
        published
    }

    fn begin(
        &self,
        telemetry: &Telemetry,
        session: &Session,
        publication: &Publication<'_>,
    ) -> Option<Begun> {
        let begun = telemetry.begin(&self.clock, publication, || party(session))?;
        // Nobody is asked who receives it.
        if publication.queue_name().is_some() {
            begun.recording.note_receivers(1);
        }
        Some(begun)
    }
}

/// Notes what became of a message at a session that it was offered to, from that moment on.
#[cold]
pub(super) fn note_offer(
    recording: &Recording,
    began_ns: u64,
    session: &Session,
    qos: Qos,
    offered: Offered,
) {
    let outcome = match offered {
        Offered::Sent => Outcome::Sent,
        Offered::Taken { .. } => Outcome::Queued,
        Offered::Dropped | Offered::Overflowed => Outcome::Dropped,
        // Nobody is there any more.
        Offered::Absent => return,
    };
    recording.note_delivery(began_ns, || party(session), qos.as_u8(), outcome);
}

fn party(session: &Session) -> Party {
    Party::new(&session.key().client_id, protocol_of(session).name())
}

fn error_type(refused: PublishRefused) -> &'static str {
    match refused {
        PublishRefused::QueueFull => "queue_full",
        PublishRefused::Store(_) => "not_stored",
    }
}
