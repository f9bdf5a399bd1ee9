//! Plays one case: step by step, on as many connections as it names.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use tokio::time::Instant;

use crate::case::{Action, Case, Content, Expectation, Field, Item, Outgoing, Step, Suite};
use crate::connection::{Connection, Event, complete_connect};
use crate::filled::Filled;
use crate::last_word::is_last_word;
use crate::scram;
use crate::transcript::{Direction, Transcript};
use crate::transport::{OpenOptions, Target, Tls};
use crate::variables::{Datum, Variables, quoted};

/// What every case of a run is played with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The broker.
    pub target: Target,
    /// How its certificate is checked; none: the target is not reached by TLS.
    pub tls: Option<Tls>,
    /// STOMP's `host` header.
    pub host: String,
    /// User name and password for every CONNECT that has none.
    pub login: Option<(String, String)>,
    /// How long an answer may take.
    pub limit: Duration,
    /// Every time limit is this many times as long: for slow machines and sanitizers.
    pub patience: u32,
}

/// What came of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Why it failed; none: it passed.
    pub failure: Option<Failure>,
    /// The conversation.
    pub transcript: Transcript,
    /// How long it took.
    pub elapsed: Duration,
}

/// Where and why a case failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The line in the case's file.
    pub line: usize,
    /// That line.
    pub step: String,
    /// What was different.
    pub message: String,
}

/// Plays a case from its first step to its last, or to the first failure.
pub async fn play(case: &Case, setup: &Setup) -> Outcome {
    let start = Instant::now();
    let mut player = Player::new(case, setup);
    let mut failure = None;
    for step in &case.steps {
        if let Err(message) = player.step(step).await {
            failure = Some(Failure { line: step.line, step: step.text.clone(), message });
            break;
        }
    }
    player.farewell().await;
    Outcome { failure, transcript: player.transcript, elapsed: start.elapsed() }
}

struct Player<'a> {
    setup: &'a Setup,
    suite: Suite,
    limit: Duration,
    run: String,
    variables: Variables,
    connections: HashMap<String, Connection>,
    /// What may come before the next thing that must, by connection; `true`: any number of times.
    tolerated: HashMap<String, Vec<(Item, bool)>>,
    transcript: Transcript,
}

impl<'a> Player<'a> {
    fn new(case: &Case, setup: &'a Setup) -> Player<'a> {
        let run = unique();
        let mut variables = Variables::default();
        variables.bind("run", Datum::Bytes(run.clone().into_bytes()));
        variables.bind("host", Datum::Bytes(setup.host.clone().into_bytes()));
        variables.bind("mqtt_connect", Datum::Bytes(MQTT_CONNECT.to_vec()));
        let stomp_connect = format!("CONNECT\naccept-version:1.2\nhost:{}\n\n\0", setup.host);
        variables.bind("stomp_connect", Datum::Bytes(stomp_connect.into_bytes()));
        Player {
            setup,
            suite: case.suite,
            limit: case.limit.unwrap_or(setup.limit),
            run,
            variables,
            connections: HashMap::new(),
            tolerated: HashMap::new(),
            transcript: Transcript::new(),
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        let name = &step.connection;
        match &step.action {
            Action::Send(outgoing) => self.send(name, outgoing).await,
            Action::Expect(expectation) => self.expect(name, expectation).await,
            Action::Tolerate { item, many } => {
                self.tolerated.entry(name.clone()).or_default().push((item.clone(), *many));
                Ok(())
            }
            Action::Nothing(silence) => self.expect_nothing(name, *silence).await,
            Action::Open(fields) => self.open(name, fields).await,
            Action::Prove(fields) => self.prove(name, fields),
            Action::Close => {
                self.transcript.add(name, Direction::Note, "close", &[]);
                if let Some(connection) = self.connections.remove(name) {
                    connection.close().await;
                }
                Ok(())
            }
            Action::Drop => {
                self.transcript.add(name, Direction::Note, "drop", &[]);
                self.connections.remove(name);
                Ok(())
            }
            Action::Round { counter, number, forgets } => {
                forgets.iter().for_each(|name| self.variables.forget(name));
                self.variables.bind(counter, Datum::Number(*number));
                Ok(())
            }
        }
    }

    async fn open(&mut self, name: &str, fields: &[Field]) -> Result<(), String> {
        let filled = Filled::of_fields(fields, &self.variables);
        let text = |field| filled.bytes(field).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let no_subprotocol = filled.omits("subprotocol").then(String::new);
        let options = OpenOptions { path: text("path"), subprotocol: text("subprotocol").or(no_subprotocol) };
        let connection = Connection::open(self.setup, self.suite, &options).await?;
        self.transcript.add(name, Direction::Note, "open", &[]);
        self.connections.insert(name.to_owned(), connection);
        Ok(())
    }

    fn prove(&mut self, name: &str, fields: &[Field]) -> Result<(), String> {
        let filled = Filled::of_fields(fields, &self.variables);
        let input = |name| filled.bytes(name).unwrap_or_default();
        let [password, client_first, server_first] = scram::INPUTS.map(input);
        let outputs = scram::prove(&password, &client_first, &server_first)?;
        self.transcript.add(name, Direction::Note, "prove", &[]);
        for (name, output) in scram::OUTPUTS.into_iter().zip(outputs) {
            self.variables.bind(name, Datum::Bytes(output.into_bytes()));
        }
        Ok(())
    }

    async fn send(&mut self, name: &str, outgoing: &Outgoing) -> Result<(), String> {
        if !self.connections.contains_key(name) {
            self.open(name, &[]).await?;
        }
        let Some(connection) = self.connections.get_mut(name) else { return Ok(()) };
        let (text, bytes) = match &outgoing.content {
            Content::Template(template) => {
                let mut filled = Filled::new(template, &self.variables);
                let client_id = format!("{name}{}", self.run);
                let login = self.setup.login.as_ref();
                complete_connect(&mut filled, self.suite, &client_id, &self.setup.host, login);
                (describe(&filled), connection.encode(&filled)?)
            }
            Content::Bytes(values) => {
                let mut bytes = Vec::new();
                for value in values {
                    match self.variables.resolve(value) {
                        Some(Datum::Bytes(piece)) => bytes.extend(piece),
                        _ => return Err("`hex` and `text` hold bytes; this variable is a number".to_owned()),
                    }
                }
                (format!("bytes {}", quoted(&bytes)), bytes)
            }
        };
        self.transcript.add(name, Direction::Sent, text, &bytes);
        if outgoing.hold {
            connection.hold(&bytes);
        } else if let Err(error) = connection.send(&bytes, outgoing.chunk, outgoing.frame).await {
            // Not yet a failure: the broker may have closed for the very reason that the case is about, and what
            // must come decides.
            self.transcript.add(name, Direction::Note, format!("not all of it went out: {error}"), &[]);
        }
        Ok(())
    }

    async fn expect(&mut self, name: &str, expectation: &Expectation) -> Result<(), String> {
        let start = Instant::now();
        let limit = expectation.within.unwrap_or(self.limit) * self.setup.patience;
        let mut tolerated = self.tolerated.remove(name).unwrap_or_default();
        let mut missing: Vec<&Item> = expectation.items.iter().collect();
        let mut has_last_word = false;
        loop {
            let event = self.receive(name, start + limit).await?;
            if let Event::Silence = event {
                return Err(format!(
                    "{} did not come within {} ms",
                    list(&missing, expectation),
                    limit.as_millis()
                ));
            }
            let mut differences = Vec::new();
            let found = missing.iter().position(|item| self.fits(item, &event, &mut differences));
            if let Some(index) = found {
                missing.remove(index);
                if missing.is_empty() || !expectation.all {
                    self.forget_ended(name, &event);
                    return not_before(start, expectation.after);
                }
                continue;
            }
            if self.is_begun_end(&missing, &event) || is_heart_beat(&event) {
                self.reply(name, &event).await;
                continue;
            }
            if self.is_tolerated(&event, &mut tolerated) {
                continue;
            }
            if is_last_word(&missing, &event) && !std::mem::replace(&mut has_last_word, true) {
                continue;
            }
            self.forget_ended(name, &event);
            return Err(differences.join("; or: "));
        }
    }

    async fn expect_nothing(&mut self, name: &str, silence: Duration) -> Result<(), String> {
        let deadline = Instant::now() + silence;
        let mut tolerated = self.tolerated.remove(name).unwrap_or_default();
        loop {
            let event = self.receive(name, deadline).await?;
            match event {
                Event::Silence => return Ok(()),
                _ if is_heart_beat(&event) => self.reply(name, &event).await,
                _ if self.is_tolerated(&event, &mut tolerated) => {}
                Event::Answer(answer, _) => return Err(format!("nothing must come, and {answer} came")),
                Event::End(how, _) => {
                    return Err(format!("nothing must come, and the connection ended: {how}"));
                }
                Event::Illegal(error, _) => return Err(error),
            }
        }
    }

    /// The next thing that comes, written down. What a server may not send fails any case at once.
    async fn receive(&mut self, name: &str, deadline: Instant) -> Result<Event, String> {
        let Some(connection) = self.connections.get_mut(name) else {
            return Err(format!(
                "connection {name} is not open here; a case opens it with a `>` line or `open`"
            ));
        };
        let event = connection.receive(deadline).await;
        match &event {
            Event::Answer(answer, bytes) => {
                self.transcript.add(name, Direction::Came, answer.to_string(), bytes);
            }
            Event::End(how, _) => self.transcript.add(name, Direction::Came, format!("end: {how}"), &[]),
            Event::Illegal(error, bytes) => {
                self.transcript.add(name, Direction::Came, format!("illegal: {error}"), bytes);
                return Err(error.clone());
            }
            Event::Silence => {}
        }
        Ok(event)
    }

    /// A Close frame of WebSocket, with the code that `end ws=` names: the end of TCP must follow.
    fn is_begun_end(&mut self, missing: &[&Item], event: &Event) -> bool {
        let Event::Answer(answer, _) = event else { return false };
        if answer.kind != "CLOSE" {
            return false;
        }
        // RFC 6455, section 7.1.5: without a code it is 1005.
        let code = Datum::Number(answer.number("code").unwrap_or(1005));
        missing
            .iter()
            .any(|item| matches!(item, Item::End(Some(value)) if self.variables.matches(value, &code)))
    }

    async fn reply(&mut self, name: &str, event: &Event) {
        if let (Some(connection), Event::Answer(answer, _)) = (self.connections.get_mut(name), event) {
            connection.reply(answer).await;
        }
    }

    /// Whether this is what the item says; the difference is noted when it is not.
    fn fits(&mut self, item: &Item, event: &Event, differences: &mut Vec<String>) -> bool {
        let difference = match (item, event) {
            (Item::Answer(template), Event::Answer(answer, _)) => {
                match answer.compare(template, &mut self.variables) {
                    Ok(()) => return true,
                    Err(difference) => difference,
                }
            }
            (Item::End(None), Event::End(..)) => return true,
            // Close codes exist on WebSocket only, and not where the connection broke without a Close frame.
            (Item::End(Some(expected)), Event::End(how, code)) => match code {
                Some(code) if !self.variables.matches(expected, &Datum::Number((*code).into())) => {
                    format!("the connection ended with another code: {how}")
                }
                _ => return true,
            },
            (Item::End(_), Event::Answer(answer, _)) => format!("{answer} came, the connection must end"),
            (Item::Answer(template), Event::End(how, _)) => {
                format!("the connection ended ({how}), {} must come", template.kind)
            }
            (_, Event::Illegal(error, _)) => error.clone(),
            (_, Event::Silence) => "nothing came".to_owned(),
        };
        differences.push(difference);
        false
    }

    fn is_tolerated(&mut self, event: &Event, tolerated: &mut Vec<(Item, bool)>) -> bool {
        let found = tolerated.iter().position(|(item, _)| self.fits(item, event, &mut Vec::new()));
        if let Some(index) = found {
            if !tolerated[index].1 {
                tolerated.remove(index);
            }
            return true;
        }
        false
    }

    /// After the end the same name may be opened again.
    fn forget_ended(&mut self, name: &str, event: &Event) {
        if matches!(event, Event::End(..)) {
            self.connections.remove(name);
        }
    }

    async fn farewell(&mut self) {
        for (_, connection) in self.connections.drain() {
            connection.close().await;
        }
    }
}

/// A line end between STOMP frames, or a Ping of WebSocket. MQTT has nothing of the kind.
fn is_heart_beat(event: &Event) -> bool {
    matches!(event, Event::Answer(answer, _) if matches!(answer.kind, "EOL" | "PING"))
}

/// `$mqtt_connect`: version 3.1.1, a clean session, no keep alive, and no client identifier.
const MQTT_CONNECT: &[u8] = b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0";

fn not_before(start: Instant, after: Option<Duration>) -> Result<(), String> {
    match after {
        Some(after) if start.elapsed() < after => Err(format!(
            "it came after {} ms, not before {} ms",
            start.elapsed().as_millis(),
            after.as_millis()
        )),
        _ => Ok(()),
    }
}

fn list(missing: &[&Item], expectation: &Expectation) -> String {
    let names = missing.iter().map(|item| match item {
        Item::Answer(template) => template.kind.as_str(),
        Item::End(_) => "the end of the connection",
    });
    names.collect::<Vec<_>>().join(if expectation.all { " and " } else { " or " })
}

/// What is sent, as the notation writes it.
fn describe(filled: &Filled) -> String {
    let mut text = filled.kind.clone();
    for (name, value) in &filled.fields {
        match value {
            Some(value) => text.push_str(&format!(" {name}={value}")),
            None => text.push_str(&format!(" !{name}")),
        }
    }
    text
}

/// Twelve letters and digits that no other case and no other run has.
fn unique() -> String {
    const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    // The standard library's only source of randomness; each RandomState differs.
    let mut number = std::hash::RandomState::new().build_hasher().finish();
    let mut name = String::with_capacity(12);
    for _ in 0..12 {
        name.push(char::from(DIGITS[(number % 36) as usize]));
        number /= 36;
    }
    name
}
