//! DISCONNECT from a client.

use tidewire_protocols::mqtt::{Disconnect, Property, ReasonCode};

use super::refuse::Refusal;
use super::{Mqtt, State};
use crate::broker::{Departure, Ending};
use crate::turn::Turn;

impl Mqtt {
    /// The client goes; its reason says whether its will is published. [MQTT-3.14.4-3, MQTT-3.1.2-8]
    pub(super) fn handle_disconnect(
        &mut self,
        turn: &mut Turn<'_>,
        disconnect: &Disconnect<'_>,
    ) -> Result<(), Refusal> {
        if let State::Connected(client) = &self.state {
            for property in disconnect.properties.iter() {
                match property {
                    Property::SessionExpiryInterval(secs) => {
                        if secs > 0 && !client.session.is_persistent() {
                            return Err(Refusal::protocol(
                                "a session that was to end with its connection cannot be given an expiry at DISCONNECT",
                            ));
                        }
                        let expiry_secs = secs.min(self.config.session.expiry_max.secs());
                        self.broker.change_expiry(turn, &client.session, &self.link, expiry_secs);
                    }
                    Property::ServerReference(_) => {
                        return Err(Refusal::protocol("a server reference comes from servers only"));
                    }
                    _ => {}
                }
            }
        }
        let (departure, words) = match disconnect.reason {
            // Its name is that of other packets' reason 0x00. (MQTT 5, section 3.14.2.1)
            ReasonCode::Success => (Departure::Normal, "Normal disconnection"),
            other => (Departure::WithWill, other.name()),
        };
        self.depart(turn, departure, Ending::Client(words));
        Ok(())
    }
}
