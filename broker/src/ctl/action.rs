//! What can be asked for, as it is written on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::messages::Messages;

#[derive(Subcommand)]
pub(super) enum Action {
    /// Show the broker at a glance.
    Overview,
    /// List connections.
    Clients(Clients),
    /// Show one client in depth.
    Client(One),
    /// End a client's connection.
    Kick {
        #[command(flatten)]
        one: One,
        /// End its session as well.
        #[arg(long)]
        discard_session: bool,
    },
    /// Keep somebody away, until it is lifted or the broker stops; who is connected is ended.
    Ban(Ban),
    /// List who is kept away.
    Bans,
    /// Lift a ban.
    Unban {
        /// As `bans` shows it.
        id: String,
    },
    /// List sessions, connected or not.
    Sessions {
        /// Only those that a connection serves (true), or only the others (false).
        #[arg(long)]
        connected: Option<bool>,
        /// Only with this client identifier.
        #[arg(long)]
        client_id: Option<String>,
    },
    /// End a session: its subscriptions go, and what waits for it.
    EndSession {
        /// The client identifier.
        id: String,
    },
    /// List subscriptions.
    Subscriptions {
        /// Only with this very filter.
        #[arg(long)]
        filter: Option<String>,
        /// Only of this client.
        #[arg(long)]
        client_id: Option<String>,
        /// Only those that a message to this topic would go to.
        #[arg(long)]
        topic: Option<String>,
    },
    #[command(flatten)]
    Messages(Messages),
    /// Publish a message; the payload is read from standard input where none is given.
    Publish(Publish),
    /// Print the effective configuration, in JSON.
    Config,
    /// Read settings, users, rules, keys and certificates again, without dropping a connection, and say what has changed:
    /// exit 0, or 1 with what is wrong and its place; then all is as before.
    Reload,
    /// Let nobody in any more, and have those leave that are connected, before a restart.
    Drain {
        /// Over how long they leave.
        #[arg(long, default_value = "30s")]
        timeout: String,
    },
    /// Copy the store, while it is in use, into a file; `tidewire store import` reads it.
    Backup {
        /// The file, which must not be there yet; - for standard output.
        file: PathBuf,
    },
    /// Show what is logged, or change it.
    Log {
        /// error, warn, info, debug or trace; or directives such as info,tidewire::net=debug.
        level: Option<String>,
    },
    /// Follow a client, or a topic, as it happens.
    #[command(group(clap::ArgGroup::new("watched").required(true).args(["id", "topic"])))]
    Trace {
        /// The client identifier.
        id: Option<String>,
        /// A topic filter.
        #[arg(long)]
        topic: Option<String>,
        /// For how long, in seconds.
        #[arg(long, default_value_t = 3600)]
        secs: u32,
    },
}

/// Which connections are listed.
#[derive(Args)]
pub(super) struct Clients {
    /// Only with this client identifier, or this client-id of STOMP.
    #[arg(long)]
    pub(super) client_id: Option<String>,
    /// Only of this user.
    #[arg(long)]
    pub(super) user: Option<String>,
    /// Only of this protocol: mqtt, mqtt31, mqtt311, mqtt5, stomp, stomp10, stomp11, stomp12.
    #[arg(long)]
    pub(super) protocol: Option<String>,
    /// Only that came to this listener.
    #[arg(long)]
    pub(super) listener: Option<String>,
    /// Only from this address or network.
    #[arg(long)]
    pub(super) address: Option<String>,
    /// Only in this state: connecting, connected, leaving.
    #[arg(long)]
    pub(super) state: Option<String>,
    /// Only those for which messages wait in the broker.
    #[arg(long)]
    pub(super) slow: bool,
}

/// A client.
#[derive(Args)]
pub(super) struct One {
    /// Its client identifier, or a STOMP session's name.
    pub(super) id: String,
    /// mqtt or stomp, where both have one of that name.
    #[arg(long)]
    pub(super) protocol: Option<String>,
}

/// Who is kept away.
#[derive(Args)]
#[command(group(clap::ArgGroup::new("banned").required(true).args(["address", "user", "client_id"])))]
pub(super) struct Ban {
    /// An IP address.
    #[arg(long)]
    pub(super) address: Option<String>,
    /// A user.
    #[arg(long)]
    pub(super) user: Option<String>,
    /// A client identifier.
    #[arg(long)]
    pub(super) client_id: Option<String>,
    /// How long, as 10m; without it, until it is lifted or the broker stops.
    #[arg(long = "for", value_name = "TIME")]
    pub(super) time: Option<String>,
    /// Why, for those who list bans.
    #[arg(long)]
    pub(super) reason: Option<String>,
}

/// A message.
#[derive(Args)]
pub(super) struct Publish {
    /// The topic name, or /queue/NAME for a work queue.
    pub(super) topic: String,
    /// The payload.
    #[arg(long, short)]
    pub(super) message: Option<String>,
    /// The QoS.
    #[arg(long, short, default_value_t = 0)]
    pub(super) qos: u8,
    /// Have it retained.
    #[arg(long, short)]
    pub(super) retain: bool,
}
