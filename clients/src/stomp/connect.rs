//! How a client introduces itself, and what the broker answers.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tidewire_protocols::stomp::{Command, Frame, FrameWriter, HeartBeat, Version};

use super::heart_beat::Beats;
use super::{complaint, malformed};
use crate::error::Error;
use crate::options::{Login, Options, Proof};

/// The CONNECT frame.
pub(super) fn frame(options: &Options, login: &Login, host: &str) -> Bytes {
    let mut out = BytesMut::new();
    let mut writer = FrameWriter::new(&mut out, Version::V12, Command::Connect);
    writer.header("accept-version", Version::V12.as_str());
    writer.header("host", options.stomp.host.as_deref().unwrap_or(host));
    writer.header("heart-beat", &heart_beat(options.keep_alive).to_string());
    let client_id = Some(options.client_id.as_str()).filter(|client_id| !client_id.is_empty());
    let passcode = match &login.proof {
        Proof::Password(password) => Some(String::from_utf8_lossy(password)),
        Proof::Token(token) => Some(Cow::Borrowed(token.as_str())),
        Proof::None | Proof::Bearer(_) | Proof::Authentication { .. } => None,
    };
    for (name, value) in
        [("client-id", client_id), ("login", login.user_name.as_deref()), ("passcode", passcode.as_deref())]
    {
        if let Some(value) = value {
            writer.header(name, value);
        }
    }
    for (name, value) in &options.stomp.headers {
        writer.header(name, value);
    }
    writer.finish();
    out.freeze()
}

/// The heart-beats that CONNECTED agrees to, or what speaks against the connection.
pub(super) fn accepted(frame: &Frame<'_>, options: &Options, now: Instant) -> Result<Beats, Error> {
    match frame.command {
        Command::Connected => {}
        Command::Error => return Err(refusal(frame)),
        other => return Err(Error::Protocol(format!("{other} before CONNECTED"))),
    }
    let version = frame.headers.get("version");
    if version.as_deref() != Some(Version::V12.as_str()) {
        let version = version.as_deref().unwrap_or("1.0");
        return Err(Error::Refused(format!("it speaks STOMP {version}, and 1.2 was asked for")));
    }
    let theirs = match frame.headers.get("heart-beat") {
        Some(value) => HeartBeat::parse(&value).map_err(|error| malformed(&error))?,
        None => HeartBeat::default(),
    };
    let (ours, theirs) = HeartBeat::negotiate(heart_beat(options.keep_alive), theirs);
    Ok(Beats::new(ours, theirs, now))
}

/// STOMP has no codes. An ERROR that lists versions is about them (STOMP12-NEGOTIATE-3), brokers have few words for bad
/// credentials, and what else there is may pass.
fn refusal(frame: &Frame<'_>) -> Error {
    let words = complaint(frame);
    let lower = words.to_lowercase();
    if CREDENTIALS.iter().any(|phrase| lower.contains(phrase)) {
        Error::BadCredentials(words)
    } else if frame.headers.get("version").is_some() {
        Error::Refused(words)
    } else {
        Error::Busy(words)
    }
}

fn heart_beat(keep_alive: Duration) -> HeartBeat {
    let milliseconds = u32::try_from(keep_alive.as_millis()).unwrap_or(u32::MAX);
    HeartBeat { guarantees_ms: milliseconds, wants_ms: milliseconds }
}

/// What Tidewire, RabbitMQ, ActiveMQ and Artemis say of them.
const CREDENTIALS: [&str; 6] =
    ["access refused", "bad connect", "authentication", "user name [", "security error", "not authorized"];

#[cfg(test)]
mod tests {
    use tidewire_protocols::stomp::{Decoded, Decoder};

    use super::*;

    fn decoded(bytes: &[u8], check: impl Fn(&Frame<'_>)) {
        match Decoder::default().decode(bytes) {
            Ok(Decoded::Frame { frame, .. }) => check(&frame),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn connect_says_what_there_is_to_say() {
        let options = Options::default().with_client_id("me").with_keep_alive(Duration::from_millis(1500));
        for (login, user_name, passcode) in [
            (Login::anonymous(), None, None),
            (Login::password("ann", "pencil"), Some("ann"), Some("pencil")),
            (Login::token("t"), None, Some("t")),
            (Login::bearer("t"), None, None),
        ] {
            decoded(&frame(&options, &login, "broker"), |frame| {
                let header = |name: &str| frame.headers.get(name).map(Cow::into_owned);
                assert_eq!(header("host").as_deref(), Some("broker"));
                assert_eq!(header("client-id").as_deref(), Some("me"));
                assert_eq!(header("heart-beat").as_deref(), Some("1500,1500"));
                assert_eq!(header("login").as_deref(), user_name, "{login:?}");
                assert_eq!(header("passcode").as_deref(), passcode, "{login:?}");
            });
        }
    }

    #[test]
    fn a_refusal_is_final_or_not() {
        for (text, is_transient) in [
            ("message:access refused", false),
            ("message:Bad CONNECT\nversion:1.2", false),
            ("message:unsupported version\nversion:1.0,1.1", false),
            ("message:server is shutting down", true),
        ] {
            decoded(format!("ERROR\n{text}\n\n\0").as_bytes(), |frame| {
                let error = accepted(frame, &Options::default(), Instant::now()).unwrap_err();
                assert_eq!(error.is_transient(), is_transient, "{text}: {error:?}");
            });
        }
    }
}
