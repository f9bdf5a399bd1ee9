//! mosquitto_pub and mosquitto_sub: run as they are, one subscriber for good, one publisher per message.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use tempfile::NamedTempFile;

use crate::client::Client;
use crate::driver::DEADLINE;
use crate::peer::{Message, Peer, Publication};

/// A running mosquitto_sub, and the means to run mosquitto_pub in the same version of MQTT.
pub(crate) struct MosquittoPeer {
    client: Client,
    connection: Vec<String>,
    subscriber: Child,
    output: Receiver<String>,
}

impl MosquittoPeer {
    /// Starts the subscriber (at QoS 2), and returns once the broker has confirmed its subscription.
    pub(crate) fn subscribe(client: Client, broker: SocketAddr, filter: &str) -> Self {
        Self::subscribe_as(client, broker, filter, &[])
    }

    /// The same with these further arguments of both programs.
    pub(crate) fn subscribe_as(client: Client, broker: SocketAddr, filter: &str, who: &[&str]) -> Self {
        let connection = connection(client, broker, who);
        // Into a pipe it would write only when 4 KiB have gathered, but for stdbuf.
        let mut subscriber = Command::new("stdbuf")
            .args(["-oL", "mosquitto_sub"])
            .args(&connection)
            .args(["-d", "-q", "2", "-t", filter, "-F", &format!("{MESSAGE}%t %q %r %x")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("mosquitto_sub does not start ({error}): run `tests/foreign/install`")
            });
        let lines = BufReader::new(subscriber.stdout.take().expect("the pipe was asked for")).lines();
        let (sender, output) = mpsc::channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let peer = Self { client, connection, subscriber, output };
        peer.await_line("Subscribed").expect("mosquitto_sub subscribes");
        peer
    }

    /// The rest of the next line that begins so; others are what `-d` tells of each packet.
    fn await_line(&self, beginning: &str) -> Result<String, String> {
        loop {
            let line = self.output.recv_timeout(DEADLINE);
            let line =
                line.map_err(|error| format!("{} waited for {beginning:?}: {error}", self.client.name))?;
            if let Some(rest) = line.strip_prefix(beginning) {
                return Ok(rest.to_owned());
            }
        }
    }
}

impl Peer for MosquittoPeer {
    fn publish(&mut self, publication: &Publication) -> Result<(), String> {
        let mut file = NamedTempFile::new().expect("a temporary file can be made");
        file.write_all(&publication.payload.bytes).expect("a temporary file can be written");
        let mut publisher = Command::new("mosquitto_pub");
        publisher.args(&self.connection);
        publisher.args(["-t", &publication.topic, "-q", &publication.qos.unwrap_or(1).to_string()]);
        if publication.payload.bytes.is_empty() {
            publisher.arg("-n");
        } else {
            publisher.arg("-f").arg(file.path());
        }
        let output = publisher.output().map_err(|error| format!("mosquitto_pub does not start: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{}: {}", self.client.name, String::from_utf8_lossy(&output.stderr)))
    }

    fn receive(&mut self) -> Result<Message, String> {
        let line = self.await_line(MESSAGE)?;
        // The topics of the matrix have no spaces; an empty payload leaves a trailing one.
        let mut fields = line.split(' ');
        let mut field = || fields.next().ok_or_else(|| format!("{}: {line:?}", self.client.name));
        let (topic, qos, retain, payload) = (field()?, field()?, field()?, field()?);
        let qos = qos.parse().map_err(|_| format!("{}: QoS {qos:?}", self.client.name))?;
        let payload = from_hex(payload).ok_or_else(|| format!("{}: not hexadecimal", self.client.name))?;
        Ok(Message::new(topic, &payload, qos, retain == "1"))
    }
}

impl Drop for MosquittoPeer {
    fn drop(&mut self) {
        // Either fails only when the process has ended already.
        let _ = self.subscriber.kill();
        let _ = self.subscriber.wait();
    }
}

/// Arguments that say where the broker is, and who connects.
pub(crate) fn connection(client: Client, broker: SocketAddr, who: &[&str]) -> Vec<String> {
    let (host, port) = (broker.ip().to_string(), broker.port().to_string());
    let arguments = ["-V", client.version, "-h", &host, "-p", &port];
    arguments.iter().chain(who).map(|argument| (*argument).to_owned()).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// What a line of output begins with that is a message.
const MESSAGE: &str = "message ";
