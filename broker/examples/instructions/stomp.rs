//! One connection sends, others receive: STOMP 1.2, ack mode `auto`.

use tidewire::auth::Arrival;
use tidewire::stomp::Stomp;

use crate::client::{self, Client};
use crate::meter::{Meter, Scenario};

/// Frames that arrive together.
const BATCH: usize = 50;
const BODY: &str = "{\"sensor\":\"boiler-7\",\"celsius\":71.25,\"at\":1767225600,\"ok\":true }";
/// What begins a frame that a subscriber receives.
const MESSAGE: &[u8] = b"MESSAGE\n";

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
        let connect = || {
            let greeting = b"CONNECT\naccept-version:1.2\nhost:scenario\n\n\0";
            Client::new(
                &broker,
                |broker, link| Box::new(Stomp::new(broker, link, Arrival::default())),
                greeting,
            )
        };
        let subscribe = |_| {
            let mut subscriber = connect();
            subscriber.turn(b"SUBSCRIBE\nid:1\ndestination:/topic/plant/7/line/+/sensor/temp\n\n\0");
            assert!(subscriber.written.is_empty(), "no receipt was asked for, and no error came");
            subscriber
        };
        let send = |number: usize| {
            let (line, length) = (number % destinations, BODY.len());
            format!(
                "SEND\ndestination:/topic/plant/7/line/{line}/sensor/temp\ncontent-type:application/json\n\
                 content-length:{length}\n\n{BODY}\0"
            )
        };
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
            let messages = frames.filter(|frame| frame.starts_with(MESSAGE));
            let whole = messages.filter(|frame| frame[..frame.len() - 1].ends_with(BODY.as_bytes()));
            assert_eq!(whole.count(), BATCH, "every message is delivered");
            subscriber.written.clear();
        }
        BATCH * self.subscribers.len()
    }
}
