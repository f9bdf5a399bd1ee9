//! The beginning of a client.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::client::Client;
use crate::driver::Driver;
use crate::error::Error;
use crate::mailbox::{Bound, Mailbox};
use crate::mqtt::{self, Version};
use crate::options::{Options, Protocol};
use crate::replies::Replies;
use crate::session::Session;
use crate::state::State;
use crate::stomp;
use crate::url::Url;

/// Connects to a broker and waits until it has accepted this client. To be called inside a tokio runtime, which then runs
/// the connection. Dropping the future ends the attempt.
///
/// # Errors
///
/// Nobody is there, something else is there, or the broker does not want this client. What is transient is tried again
/// only with [`with_first_retried`](crate::Reconnect::with_first_retried).
pub async fn connect(url: &Url, options: Options) -> Result<Client, Error> {
    let protocol = options.protocol_at(url)?;
    mqtt::check_options(&options, protocol)?;
    let options = Arc::new(options);
    let offline = Bound { messages: options.offline_messages_max, bytes: options.offline_bytes_max };
    let mailbox = Arc::new(Mailbox::new(protocol, offline, options.client_id.clone()));
    let replies = Arc::new(Replies::default());
    let session = session(protocol, url, &options, &replies);
    let (state, seen) = watch::channel(State::Connecting { attempt: 1 });
    let (accepted, is_accepted) = oneshot::channel();
    let driver = Driver::new(url.clone(), options, Arc::clone(&mailbox), session, state, accepted);
    // Its drop ends the driver, too.
    let client = Client::new(mailbox, seen, replies);
    tokio::spawn(driver.run());
    // Not by the state: it may have changed twice before anybody looks.
    match is_accepted.await {
        Ok(()) => Ok(client),
        Err(_) => Err(client.ended().await.err().unwrap_or(Error::Disconnected)),
    }
}

fn session(
    protocol: Protocol,
    url: &Url,
    options: &Arc<Options>,
    replies: &Arc<Replies>,
) -> Box<dyn Session> {
    let now = Instant::now().into_std();
    let version = match protocol {
        Protocol::Mqtt5 => Version::V5,
        Protocol::Mqtt311 => Version::V311,
        Protocol::Stomp => {
            let session = stomp::Session::new(Arc::clone(options), url.host(), Arc::clone(replies), now);
            return Box::new(session);
        }
    };
    Box::new(mqtt::Session::new(version, Arc::clone(options), Arc::clone(replies), now))
}
