//! One connection sends, others receive: STOMP 1.2, ack mode `auto`.

use std::sync::Arc;

use tidewire::auth::Arrival;
use tidewire::broker::Broker;
use tidewire::connection::Protocol;
use tidewire::session::Link;
use tidewire::stomp::Stomp;

use crate::client::{self, Client};
use crate::meter::{Meter, Scenario};

/// Frames that arrive together.
const BATCH: usize = 50;
const BODY: &str = "{\"sensor\":\"boiler-7\",\"celsius\":71.25,\"at\":1767225600,\"ok\":true }";
/// What begins a frame that a subscriber receives.
const MESSAGE: &[u8] = b"MESSAGE\n";
/// What a client begins with.
pub(crate) const GREETING: &[u8] = b"CONNECT\naccept-version:1.2\nhost:scenario\n\n\0";
/// To every destination that is sent to.
pub(crate) const SUBSCRIBE: &[u8] = b"SUBSCRIBE\nid:1\ndestination:/topic/plant/7/line/+/sensor/temp\n\n\0";

/// See the module.
pub(crate) struct Send {
    sender: Client,
    subscribers: Vec<Client>,
    batch: String,
}

impl Send {
    /// So many destinations take turns.
    pub(crate) fn new(subscribers: usize, destinations: usize) -> Self {
        let broker = client::broker();
        let connect = || Client::new(&broker, protocol, GREETING);
        let subscribe = |_| {
            let mut subscriber = connect();
            subscriber.turn(SUBSCRIBE);
            assert!(subscriber.written.is_empty(), "no receipt was asked for, and no error came");
            subscriber
        };
        let send = |number| send(number % destinations, "content-type:application/json\n");
        let batch = (0..BATCH).map(send).collect();
        let subscribers = (0..subscribers).map(subscribe).collect();
        Self { sender: connect(), subscribers, batch }
    }
}

impl Scenario for Send {
    fn round(&mut self, meter: Meter) -> usize {
        meter.run(|| {
            self.sender.turn(self.batch.as_bytes());
            self.subscribers.iter_mut().for_each(|subscriber| subscriber.turn(&[]));
            self.subscribers.len()
        });
        assert!(self.sender.written.is_empty(), "nothing was refused");
        for subscriber in &mut self.subscribers {
            let frames = subscriber.written.split_inclusive(|byte| *byte == 0);
            let messages = frames.filter(|frame| is_message(frame)).count();
            assert_eq!(messages, BATCH, "every message is delivered");
            subscriber.written.clear();
        }
        BATCH * self.subscribers.len()
    }
}

/// STOMP on a new connection.
pub(crate) fn protocol(broker: Arc<Broker>, link: Arc<Link>) -> Box<dyn Protocol> {
    Box::new(Stomp::new(broker, link, Arrival::default()))
}

/// A frame to that line's destination; `headers` are other headers of it.
pub(crate) fn send(line: usize, headers: &str) -> String {
    let length = BODY.len();
    format!(
        "SEND\ndestination:/topic/plant/7/line/{line}/sensor/temp\n{headers}content-length:{length}\n\n{BODY}\0"
    )
}

/// Whether it is a whole MESSAGE of a frame that was sent.
pub(crate) fn is_message(frame: &[u8]) -> bool {
    let body = frame.strip_suffix(b"\0").filter(|frame| frame.starts_with(MESSAGE));
    body.is_some_and(|frame| frame.ends_with(BODY.as_bytes()))
}
