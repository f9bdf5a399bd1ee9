//! CONNECT and STOMP: who comes, which version is spoken, and CONNECTED.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tidewire_protocols::stomp::{Command, Decoded, Decoder, Frame, FrameWriter, Headers, HeartBeat, Version};

use super::deliver::StompDeliver;
use super::heart_beat::HeartBeats;
use super::refuse::Refusal;
use super::transaction::Transactions;
use super::{Client, State, Stomp};
use crate::auth::{Arrival, Credentials, Denial, Token, Vouched};
use crate::broker::{Answer, Asked, Connected, LoggedIn, NewConnection, Who};
use crate::config::CredentialSource;
use crate::counters::Spoken;
use crate::pace::Pace;
use crate::session::{Deliver, ProtocolKind, SessionKey, SessionState};
use crate::turn::Turn;

/// Name and version, as CONNECTED's `server` header wants them. [STOMP12-CONNECTED-3]
const SERVER: &str = concat!("tidewire/", env!("CARGO_PKG_VERSION"));

/// A client whose CONNECT waits for an answer: somebody is being asked who it is.
pub(super) struct Waiting {
    /// When it must have come.
    pub(super) deadline: Instant,
    /// The frame as it came.
    frame: Vec<u8>,
    arrival: Arrival,
    answer: Answer,
}

impl Stomp {
    /// `bytes` are the frame's own: they are needed again where the answer takes a while.
    pub(super) fn handle_connect(
        &mut self,
        turn: &mut Turn<'_>,
        frame: &Frame<'_>,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        let headers = &frame.headers;
        version(headers)?;
        let arrival = match &mut self.state {
            State::Greeting { arrival, .. } => std::mem::take(arrival.as_mut()),
            _ => Arrival::default(),
        };
        let mut credentials = Credentials {
            arrival: arrival.clone(),
            user_name: headers.get("login").map(|login| login.as_ref().into()),
            password: headers.get("passcode").map(|passcode| passcode.as_bytes().into()),
            client_id: client_id(headers).as_deref().unwrap_or_default().into(),
            now_secs: turn.now.unix_secs(),
        };
        let takes_token = self.config.auth.credential_sources.contains(&CredentialSource::Connect);
        if let Some(token) = bearer(headers).filter(|_| takes_token) {
            credentials.arrival.token = Some(token);
        }
        match self.broker.ask(self.broker.authority.authenticate(credentials), &self.link) {
            Asked::Answered(answer) => {
                let vouched = self.judge(turn, answer)?;
                self.admit(turn, frame, vouched, &arrival)
            }
            Asked::Waiting(answer) => {
                let deadline = self.link.opened_at() + self.config.limits.connect_timeout.0;
                let frame = bytes.to_vec();
                self.state = State::Waiting(Box::new(Waiting { deadline, frame, arrival, answer }));
                Ok(())
            }
        }
    }

    /// Looks whether the answer has come that a client waits for which is not connected yet.
    pub(super) fn hear_answer(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let State::Waiting(waiting) = &mut self.state else { return Ok(()) };
        let Some(answer) = waiting.answer.take() else { return Ok(()) };
        let (bytes, arrival) = (std::mem::take(&mut waiting.frame), std::mem::take(&mut waiting.arrival));
        let mut decoder = Decoder::new(self.config.limits.stomp_before_connect());
        match decoder.decode(&bytes) {
            Ok(Decoded::Frame { frame, .. }) => {
                let is_open = self.broker.check_ban(&self.link, turn.now.instant).map_err(Refusal::from);
                let admitted = is_open.and_then(|()| self.judge(turn, answer));
                let admitted = admitted.and_then(|vouched| self.admit(turn, &frame, vouched, &arrival));
                admitted.map_err(|refusal| refusal.about(&frame))
            }
            // It was decoded once already.
            _ => Err(Refusal::new("internal error", "The CONNECT frame cannot be read again.")),
        }
    }

    /// Whoever guesses wrongly too often is banned.
    fn judge<T>(&self, turn: &Turn<'_>, answer: Result<T, Denial>) -> Result<T, Refusal> {
        if let Err(denial) = &answer {
            self.broker.note_denial(&self.link, denial, turn.now.instant);
        }
        answer.map_err(Refusal::from)
    }

    /// Gives a client its session.
    fn admit(
        &mut self,
        turn: &mut Turn<'_>,
        frame: &Frame<'_>,
        vouched: Vouched,
        arrival: &Arrival,
    ) -> Result<(), Refusal> {
        let headers = &frame.headers;
        let version = version(headers)?;
        let wished = match headers.get("heart-beat") {
            Some(text) if version > Version::V10 => HeartBeat::parse(&text).map_err(|_| {
                Refusal::bad_header("heart-beat", &text, "two numbers of milliseconds, as in 10000,10000")
            })?,
            _ => HeartBeat::parse("0,0").map_err(|error| Refusal::undecodable(&error))?,
        };
        let client_id = client_id(headers);
        let known_as = client_id.as_deref().unwrap_or_default().into();
        let standing = self.judge(turn, self.broker.let_in(turn.now, vouched, arrival, known_as))?;
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
        let (broker, config) = (&self.broker, &self.config);
        let (deflating, travel) = (self.link.deflating(), self.travel());
        let connected = broker.connect(
            turn,
            NewConnection {
                // Its name is its own, whoever the client is.
                key: SessionKey::new(ProtocolKind::Stomp, Arc::clone(&session_name)),
                user: standing.user().cloned(),
                listener: Arc::clone(standing.listener()),
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
        if let Some(client_id) = &client_id {
            self.link.set_client_id(client_id);
        }
        let logged_in = LoggedIn {
            who: Who { client_id: client_id.as_deref(), user: standing.user_name(), protocol: None },
            session: Some(&session_name),
            session_present: None,
            keep_alive: None,
            expiry_secs: None,
        };
        self.broker.note_connected(&self.link, spoken(version), &logged_in);
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
        let limits = &self.config.limits;
        self.state = State::Connected(Box::new(Client {
            session,
            standing,
            version,
            client_id: client_id.as_deref().map(Into::into),
            token,
            heart_beats,
            subscriptions: HashMap::new(),
            transactions: Transactions::default(),
            pace: Pace::new(limits.publish_rate_max, limits.publish_bytes_rate_max.0, turn.now.instant),
            is_held: false,
            sent: 0,
            known: None,
            renewal: None,
        }));
        Ok(())
    }

    fn offered_heart_beat(&self) -> HeartBeat {
        let [send, hear] = self.config.stomp.heart_beat;
        let ms = |span: crate::config::Span| u32::try_from(span.0.as_millis()).unwrap_or(u32::MAX);
        HeartBeat { guarantees_ms: ms(send), wants_ms: ms(hear) }
    }
}

/// The version as it is counted.
fn spoken(version: Version) -> Spoken {
    match version {
        Version::V10 => Spoken::Stomp10,
        Version::V11 => Spoken::Stomp11,
        Version::V12 => Spoken::Stomp12,
    }
}

fn version(headers: &Headers<'_>) -> Result<Version, Refusal> {
    let accepted = headers.get("accept-version");
    Version::negotiate(accepted.as_deref()).ok_or_else(|| {
        let body = "This server speaks 1.0, 1.1 and 1.2: name one of them in accept-version.";
        Refusal::new("no common version", body)
    })
}

fn client_id<'h>(headers: &'h Headers<'_>) -> Option<Cow<'h, str>> {
    headers.get("client-id").filter(|client_id| !client_id.is_empty())
}

/// The token of an `Authorization` header, as HTTP has it; its name is written either way.
fn bearer(headers: &Headers<'_>) -> Option<Token> {
    let value = ["Authorization", "authorization"].into_iter().find_map(|name| headers.get(name))?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Token::new(token.trim()))
}

/// Eight random bytes, in hexadecimal digits.
fn token() -> Option<Box<str>> {
    let number = getrandom::u64().ok()?;
    Some(format!("{number:016x}").into())
}
