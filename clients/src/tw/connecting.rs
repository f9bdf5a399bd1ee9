//! From the arguments to a connection.

use std::time::Duration;

use tidewire_client::{
    Client, Error, Message, MqttOptions, Options, Protocol, Qos, Reconnect, State, StompOptions, Tls, Url,
    Will, connect,
};

use super::Failure;
use super::advice::advised;
use super::arguments::ConnectionArgs;
use super::failure::say;
use super::proof::Proof;

/// How long the command is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    /// Until it is done: a connection that is lost is a failure.
    Short,
    /// Until it is interrupted, and so it connects again.
    Long,
}

/// A client, and where it is connected to.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) url: Url,
    is_told: bool,
}

impl Connection {
    /// Connects as the arguments say.
    pub(super) async fn open(args: &ConnectionArgs, stay: Stay) -> Result<Self, Failure> {
        let address = args.address().map_err(|wrong| Failure::Other(wrong.0))?;
        let options = options(args, stay, args.protocol(&address), address.user_name)?;
        let url = address.url;
        let tell = |text: String| {
            if args.debug {
                say(&text)
            }
        };
        tell(format!("connecting to {url}"));
        let client = connect(&url, options).await.map_err(|error| advised(error, &url))?;
        tell(format!("connected to {url} as {:?}", client.client_id()));
        if stay == Stay::Long || args.debug {
            tokio::spawn(tell_of_changes(client.clone(), args.debug));
        }
        Ok(Self { client, url, is_told: args.debug })
    }

    /// Says on standard error what has happened, where that is asked for.
    pub(super) fn tell(&self, text: impl FnOnce() -> String) {
        if self.is_told {
            say(&text());
        }
    }

    /// The failure that an error of this connection is.
    pub(super) fn failure(&self, error: Error) -> Failure {
        advised(error, &self.url)
    }

    /// Says goodbye, once everything is sent.
    pub(super) async fn close(&self) -> Result<(), Failure> {
        self.client.disconnect().await.map_err(|error| self.failure(error))?;
        self.tell(|| "disconnected".to_owned());
        Ok(())
    }
}

/// Says when the connection is lost and when it is back; with `is_each`, of each attempt as well.
async fn tell_of_changes(client: Client, is_each: bool) {
    let mut states = client.state();
    // It would keep the connection alive when everybody else has let it go.
    drop(client);
    let mut is_away = false;
    while states.changed().await.is_ok() {
        let state = states.borrow_and_update().clone();
        match state {
            State::Waiting { retry_in, why } if is_each || !is_away => {
                is_away = true;
                say(&format!("{why}; connecting again in {:.1} s", retry_in.as_secs_f64()));
            }
            State::Connected { session_present } if is_away => {
                is_away = false;
                let session = if session_present { ", and the session is still there" } else { "" };
                say(&format!("connected again{session}"));
            }
            State::Connecting { attempt } if is_each => say(&format!("connecting, attempt {attempt}")),
            State::Ended(_) => return,
            _ => {}
        }
    }
}

fn options(
    args: &ConnectionArgs,
    stay: Stay,
    protocol: Protocol,
    user_name: Option<String>,
) -> Result<Options, Failure> {
    let proof = Proof::find(&args.credentials, user_name, |name| std::env::var(name).ok())?;
    let mut options = Options::default()
        .with_protocol(protocol)
        .with_credentials(proof.into_credentials()?)
        .with_tls(tls(args))
        .with_reconnect(reconnect(args, stay))
        .with_inbox_messages_max(INBOX_MESSAGES)
        .with_mqtt(mqtt_options(args))
        .with_stomp(StompOptions { host: args.virtual_host.clone(), ..StompOptions::default() });
    if let Some(client_id) = &args.client_id {
        options = options.with_client_id(client_id);
    }
    if let Some(interval) = args.keep_alive {
        options = options.with_keep_alive(interval);
    }
    if let Some(timeout) = args.connect_timeout {
        options = options.with_connect_timeout(timeout);
    }
    let headers = args.ws_header.iter();
    Ok(headers.fold(options, |options, header| options.with_upgrade_header(&header.name, &header.value)))
}

fn reconnect(args: &ConnectionArgs, stay: Stay) -> Reconnect {
    match (args.reconnect, args.no_reconnect, stay) {
        (true, ..) => Reconnect::default().with_first_retried(),
        (false, true, _) | (false, false, Stay::Short) => Reconnect::never(),
        (false, false, Stay::Long) => Reconnect::default(),
    }
}

fn tls(args: &ConnectionArgs) -> Tls {
    let args = &args.tls;
    let mut tls = Tls::default();
    if let Some(path) = &args.cafile {
        tls = tls.with_ca_file(path);
    }
    if let (Some(certificate), Some(key)) = (&args.cert, &args.key) {
        tls = tls.with_client_certificate(certificate, key);
    }
    if let Some(name) = &args.server_name {
        tls = tls.with_server_name(name);
    }
    if args.insecure { tls.insecure() } else { tls }
}

fn mqtt_options(args: &ConnectionArgs) -> MqttOptions {
    let kept = if args.persistent { PERSISTENT_EXPIRY } else { Duration::ZERO };
    let will = args.will.will_topic.as_ref().map(|topic| {
        let payload = args.will.will_payload.clone().unwrap_or_default();
        let qos = args.will.will_qos.unwrap_or(Qos::AtMostOnce);
        Will::new(Message::new(topic, payload).with_qos(qos).with_retain(args.will.will_retain))
    });
    MqttOptions {
        clean_start: !args.persistent,
        session_expiry: args.session_expiry.unwrap_or(kept),
        will,
        ..MqttOptions::default()
    }
}

/// What `--persistent` means without a time: long enough to come back by hand.
const PERSISTENT_EXPIRY: Duration = Duration::from_secs(3600);

/// Messages that may wait to be written: a burst fits, while the output is slow for a moment.
const INBOX_MESSAGES: usize = 16_384;
