//! CONNECT and STOMP: who comes, which version is spoken, and CONNECTED.

use std::collections::HashMap;
use std::sync::Arc;

use tidewire_protocols::stomp::{Command, Frame, FrameWriter, HeartBeat, Version};

use super::deliver::StompDeliver;
use super::heart_beat::HeartBeats;
use super::refuse::Refusal;
use super::transaction::Transactions;
use super::{Client, State, Stomp};
use crate::auth::Credentials;
use crate::broker::{Connected, NewConnection};
use crate::pace::Pace;
use crate::session::{Deliver, ProtocolKind, SessionKey, SessionState};
use crate::turn::Turn;

/// Name and version, as CONNECTED's `server` header wants them. [STOMP12-CONNECTED-3]
const SERVER: &str = concat!("tidewire/", env!("CARGO_PKG_VERSION"));

impl Stomp {
    pub(super) fn handle_connect(&mut self, turn: &mut Turn<'_>, frame: &Frame<'_>) -> Result<(), Refusal> {
        let headers = &frame.headers;
        let accepted = headers.get("accept-version");
        let version = Version::negotiate(accepted.as_deref()).ok_or_else(|| {
            let body = "This server speaks 1.0, 1.1 and 1.2: name one of them in accept-version.";
            Refusal::new("no common version", body)
        })?;
        let wished = match headers.get("heart-beat") {
            Some(text) if version > Version::V10 => HeartBeat::parse(&text).map_err(|_| {
                Refusal::bad_header("heart-beat", &text, "two numbers of milliseconds, as in 10000,10000")
            })?,
            _ => HeartBeat::parse("0,0").map_err(|error| Refusal::undecodable(&error))?,
        };
        let (login, passcode) = (headers.get("login"), headers.get("passcode"));
        let client_id = headers.get("client-id").filter(|client_id| !client_id.is_empty());
        let certified = self.link.user();
        let credentials = Credentials {
            user_name: login.as_deref(),
            password: passcode.as_deref().map(str::as_bytes),
            client_id: client_id.as_deref().unwrap_or_default(),
            certified: certified.as_deref(),
        };
        // Where a client is let in or not.
        let identity = self.broker.authority.authenticate(&credentials).ok_or_else(|| {
            if login.is_some() || passcode.is_some() {
                self.broker.note_failed_login(&self.link, turn.now.instant);
            }
            Refusal::new("access refused", "login or passcode is missing or wrong.")
        })?;
        let offered = self.offered_heart_beat();
        let heart_beats = HeartBeats::negotiate(wished, offered, turn.now.instant);
        let token = token().ok_or_else(|| {
            Refusal::new(
                "no randomness",
                "The server cannot make names that nobody guesses. Try again later.",
            )
        })?;
        let session_id = self.broker.new_session_id();
        let session_name: Arc<str> = format!("session-{}", session_id.0).into();
        let (broker, config) = (&self.broker, &self.broker.config);
        let (deflating, travel) = (self.link.deflating(), self.travel());
        let connected = broker.connect(
            turn,
            NewConnection {
                key: SessionKey { protocol: ProtocolKind::Stomp, client_id: Arc::clone(&session_name) },
                id: session_id,
                clean_start: true,
                expiry_secs: 0,
                will: None,
                link: Arc::clone(&self.link),
                make: || -> Box<dyn Deliver> {
                    Box::new(StompDeliver::new(version, config, travel, deflating))
                },
                attach: |_: &mut SessionState| (),
            },
        );
        let Connected { session, .. } = connected.map_err(|_| Refusal::not_stored())?;
        tracing::info!(link = %self.link, session = %session_name, ?version, client_id = client_id.as_deref(), "connected");
        self.broker.note_login(&self.link, &identity);
        self.decoder.set_version(version);
        self.decoder.set_limits(config.limits.stomp());
        travel.write(self.replies.promised(), |out| {
            let mut writer = FrameWriter::new(out, version, Command::Connected);
            if version > Version::V10 {
                writer.header("version", version.as_str());
                writer.header("heart-beat", &format!("{},{}", offered.guarantees_ms, offered.wants_ms));
            }
            writer.header("server", SERVER).header("session", &session_name);
            writer.finish();
        });
        let limits = &self.broker.config.limits;
        self.state = State::Connected(Box::new(Client {
            session,
            identity,
            version,
            client_id: client_id.as_deref().map(Into::into),
            token,
            heart_beats,
            subscriptions: HashMap::new(),
            transactions: Transactions::default(),
            pace: Pace::new(limits.publish_rate_max, limits.publish_bytes_rate_max.0, turn.now.instant),
            known: None,
        }));
        Ok(())
    }

    fn offered_heart_beat(&self) -> HeartBeat {
        let [send, hear] = self.broker.config.stomp.heart_beat;
        let ms = |span: crate::config::Span| u32::try_from(span.0.as_millis()).unwrap_or(u32::MAX);
        HeartBeat { guarantees_ms: ms(send), wants_ms: ms(hear) }
    }
}

/// Eight random bytes, in hexadecimal digits.
fn token() -> Option<Box<str>> {
    let number = getrandom::u64().ok()?;
    Some(format!("{number:016x}").into())
}
