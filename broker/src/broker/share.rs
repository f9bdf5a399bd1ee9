//! Shared subscriptions: one member gets each message, and another one if that member cannot.

use std::sync::Arc;

use super::Broker;
use super::offer::{delivery_options, record_done};
use crate::message::{Message, Publication};
use crate::router::{ShareGroup, Target};
use crate::session::{DeliveryOptions, Session, Tie};
use crate::store::StoreError;
use crate::turn::Turn;

/// What a member can do with a message.
#[derive(PartialEq)]
enum Presence {
    /// It is connected.
    Connected,
    /// It is away, and its session waits for it.
    Waiting,
    /// It will not come back.
    Gone,
}

impl Broker {
    /// Offers a message to the members of a shared subscription one after the other, until one takes it: those who
    /// are connected first. `not_to` could not. Returns whether one did.
    pub(super) fn offer_to_others(
        &self,
        turn: &mut Turn<'_>,
        not_to: &Session,
        publication: &Publication<'_>,
        share: &Arc<str>,
    ) -> Result<bool, StoreError> {
        if publication.is_expired(turn.now) {
            return Ok(false);
        }
        let matches = self.matches(publication);
        let Some(group) = matches.groups.iter().find(|group| group.filter == *share) else {
            return Ok(false);
        };
        let members: Vec<_> = group.in_turn().filter(|member| member.session.id() != not_to.id()).collect();
        for presence in [Presence::Connected, Presence::Waiting] {
            for member in members.iter().filter(|member| presence_of(member) == presence) {
                let Some(mut options) = options_of_member(group, publication, member) else { continue };
                self.record_queued(turn, &member.session, publication, &mut options);
                let commit = turn.apply()?;
                if self.offer_once(turn, &member.session, publication, &options, commit).is_taken() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Hands what a session that is over was owed by its shared subscriptions to their other members.
    /// [MQTT50-U-4.8.2-3]
    pub(super) fn pass_on(
        &self,
        turn: &mut Turn<'_>,
        from: &Session,
        deliveries: &[(Arc<Message>, DeliveryOptions)],
    ) {
        for (message, options) in deliveries {
            if let Some(share) = options.share() {
                record_done(turn, from, options.sequence);
                self.pass_on_one(turn, from, message, share);
            }
        }
    }

    /// The same with one message.
    pub(super) fn pass_on_one(
        &self,
        turn: &mut Turn<'_>,
        from: &Session,
        message: &Arc<Message>,
        share: &Arc<str>,
    ) {
        if let Err(error) = self.offer_to_others(turn, from, &message.publication(), share) {
            let client_id = &*from.key().client_id;
            tracing::warn!(client_id, share = &**share, %error, "a message could not be passed on to another member");
        }
    }
}

/// The member that gets the next message: the next in turn who is connected; if none is, the next in turn whose
/// session will come back for it.
pub(super) fn choose_member<'g>(
    group: &'g ShareGroup,
    publication: &Publication<'_>,
) -> Option<(&'g Target, DeliveryOptions)> {
    let mut chosen = None;
    for member in group.in_turn() {
        match presence_of(member) {
            Presence::Connected => {
                chosen = Some(member);
                break;
            }
            Presence::Waiting => chosen = chosen.or(Some(member)),
            Presence::Gone => {}
        }
    }
    let chosen = chosen?;
    Some((chosen, options_of_member(group, publication, chosen)?))
}

fn presence_of(member: &Target) -> Presence {
    let state = member.session.lock();
    match (&state.link, state.ended) {
        (Some(_), _) => Presence::Connected,
        (None, false) if member.session.is_persistent() => Presence::Waiting,
        _ => Presence::Gone,
    }
}

fn options_of_member(
    group: &ShareGroup,
    publication: &Publication<'_>,
    member: &Target,
) -> Option<DeliveryOptions> {
    let options = delivery_options(publication, member)?;
    Some(DeliveryOptions { tie: Tie::Share(Arc::clone(&group.filter)), ..options })
}
