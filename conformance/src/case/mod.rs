//! A case: one conversation with a broker, as written in a `.case` file.
//!
//! The grammar, with `NL` for the end of a line; `#` outside a string starts a comment:
//!
//! ```text
//! file       = { case }
//! case       = "case" name NL { attribute NL } { step NL }
//! attribute  = "statements:" id { id }           the rows of statements/*.tsv that it checks
//!            | "needs:" key "=" value { "," … }  the configuration it needs, else it is skipped
//!            | "limit:" duration                 how long each answer may take
//!            | "plays:" ( "alone" | "last" )     not in parallel; at the end of the suite
//!            | "note:" text
//! step       = [ connection ":" ] action         connection "a" where none is named
//! action     = ">" outgoing                      send now
//!            | ">+" outgoing                     send together with the next ">"
//!            | "<" item { "&" item } timing      all of these must come, in any order
//!            | "<" item { "|" item } timing      one of these must come
//!            | "<?" item | "<?*" item            may come before the next "<": once, or any number of times
//!            | "<" "nothing" timing              nothing may come for a while
//!            | "connected" { field }             CONNECT and its successful answer, in one line; of the suite
//!                                               websocket, the upgrade and its acceptance
//!            | "open" { field }                  only the transport: path=, subprotocol=; TCP or TLS of websocket
//!            | "close" | "drop"                  end the connection: in order, or without a word
//!            | "prove" { field }               password=, client_first=, server_first= of SCRAM-SHA-256 give
//!                                               $client_final and the $server_final that must come
//!            | "repeat" name first ".." last "{" … "}"
//! outgoing   = KIND { field } | ( "hex" | "text" ) { bytes } { field }
//! item       = KIND { field | "exact" } | "end" [ "ws=" value ]
//! field      = name "=" value | "!" name         "!": left out when sending, absent when received
//! timing     = [ "within" duration ] [ "after" duration ]
//! value      = one { "|" one }
//! one        = part { "+" part }                 joined: strings, bytes and variables
//! part       = number [ ".." [ number ] ] | word | "$" name | "*" | "hex:" digits
//!            | ( "noise:" | "words:" ) count      so many bytes that cannot, or can well, be compressed
//!            | string [ "*" count ] [ ":" string ] | "[" value { "," value } "]"
//! ```
//!
//! A line that starts with `&` or `|` goes on with the line before it. `{name}` inside a string is a variable;
//! `$name` after `<` binds the value that came when the variable is new, and compares when it is not. What a `repeat`
//! binds is new in each round.

mod check;
mod cursor;
mod error;
mod parse;
mod step;
mod value;

use std::time::Duration;

pub use error::ParseError;
pub use parse::parse;
pub use value::{Piece, Value};

/// The specification that a case belongs to; it decides the codec and the statements that may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// MQTT 5.0.
    Mqtt5,
    /// MQTT 3.1.1.
    Mqtt311,
    /// STOMP 1.0, 1.1 and 1.2.
    Stomp,
    /// RFC 6455 and RFC 7692, and how MQTT and STOMP travel in it.
    WebSocket,
}

impl Suite {
    /// Every suite, in the order in which they are played.
    pub const ALL: [Suite; 4] = [Suite::Mqtt5, Suite::Mqtt311, Suite::Stomp, Suite::WebSocket];

    /// The name on the command line, and of the directory of its cases.
    pub fn name(self) -> &'static str {
        match self {
            Suite::Mqtt5 => "mqtt5",
            Suite::Mqtt311 => "mqtt311",
            Suite::Stomp => "stomp",
            Suite::WebSocket => "websocket",
        }
    }

    /// The suite of that name.
    pub fn from_name(name: &str) -> Option<Suite> {
        Suite::ALL.into_iter().find(|suite| suite.name() == name)
    }
}

/// One conversation, and what it shows.
#[derive(Clone, Debug)]
pub struct Case {
    /// The suite, from the directory.
    pub suite: Suite,
    /// The packet type or flow, from the file's name.
    pub section: String,
    /// Unique within its suite.
    pub name: String,
    /// The statements that it checks; at least one.
    pub statements: Vec<String>,
    /// The server configuration that it needs.
    pub needs: Vec<Need>,
    /// How long each answer may take; none: the command line's default.
    pub limit: Option<Duration>,
    /// When it is played.
    pub plays: Plays,
    /// What is sent and what must come, in order.
    pub steps: Vec<Step>,
    /// The file it was read from, as failures name it.
    pub file: String,
    /// The line of its name in that file.
    pub line: usize,
}

impl Case {
    /// `suite/section/name`, as reports and `--case` use it.
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.suite.name(), self.section, self.name)
    }
}

/// A setting of the server without which a case says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Which setting, for example `receive_maximum`.
    pub key: String,
    /// The value it must have.
    pub value: String,
}

/// When a case is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plays {
    /// Next to others, each with client ids and topics of its own.
    Parallel,
    /// After those, with no other case running: it measures time, or touches what others would see.
    Alone,
    /// At the very end of its suite: it shows that the broker still serves.
    Last,
}

/// One line of a case.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its line in the file.
    pub line: usize,
    /// The line as written, for failures.
    pub text: String,
    /// The name of the connection.
    pub connection: String,
    /// What to do.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Sends, and opens the connection when it is not open.
    Send(Outgoing),
    /// Waits until what must come has come.
    Expect(Expectation),
    /// Allows something to come before what must come next.
    Tolerate {
        /// What may come.
        item: Item,
        /// Whether it may come more than once.
        many: bool,
    },
    /// Nothing may come for this long.
    Nothing(Duration),
    /// Opens the transport and sends nothing.
    Open(Vec<Field>),
    /// Ends the connection in order: a Close frame on WebSocket, then FIN.
    Close,
    /// Ends it as a vanished client does, without a word of the protocol.
    Drop,
    /// Computes a client's SCRAM-SHA-256 proof, and the server's.
    Prove(Vec<Field>),
    /// Begins one round of a `repeat`.
    Round {
        /// The counter's name.
        counter: String,
        /// Its value in this round.
        number: u64,
        /// What the block binds itself, and binds anew in each round.
        forgets: Vec<String>,
    },
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// A packet or frame to encode, or bytes as they are.
    pub content: Content,
    /// Waits for the next send and goes out in one piece with it.
    pub hold: bool,
    /// Written in pieces of this many bytes.
    pub chunk: Option<usize>,
    /// The kind of WebSocket frame that carries it, where not the protocol's own.
    pub frame: Option<FrameKind>,
}

/// The two ways to say what is sent.
#[derive(Clone, Debug)]
pub enum Content {
    /// A packet or frame, encoded by this crate.
    Template(Template),
    /// The bytes themselves.
    Bytes(Vec<Value>),
}

/// A WebSocket data frame is text or binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Opcode 1.
    Text,
    /// Opcode 2.
    Binary,
}

/// What must come.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The items; never empty.
    pub items: Vec<Item>,
    /// All of them in any order, or just one.
    pub all: bool,
    /// The time limit, where the case has one for this step.
    pub within: Option<Duration>,
    /// It may not come earlier than this.
    pub after: Option<Duration>,
}

/// One thing that comes from the broker.
#[derive(Clone, Debug)]
pub enum Item {
    /// A packet or frame.
    Answer(Template),
    /// The end of the connection; on WebSocket with one of these Close codes, where given.
    End(Option<Value>),
}

/// A packet or frame by its kind and fields, to be encoded or compared.
#[derive(Clone, Debug)]
pub struct Template {
    /// `CONNECT`, `MESSAGE`, …
    pub kind: String,
    /// In the order written.
    pub fields: Vec<Field>,
    /// An answer may hold no property or header that is not listed.
    pub exact: bool,
    /// Where it starts in its line.
    pub column: usize,
}

/// `name=value`, or `!name` when the value is none.
#[derive(Clone, Debug)]
pub struct Field {
    /// The field's, property's or header's name.
    pub name: String,
    /// Its value; none: it must not be there.
    pub value: Option<Value>,
    /// Where it starts in its line.
    pub column: usize,
}

/// How long `< nothing` listens when the case does not say.
pub const DEFAULT_SILENCE: Duration = Duration::from_millis(300);
