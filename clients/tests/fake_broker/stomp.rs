//! STOMP, against a broker in the same process.

use std::time::Duration;

use bytes::Buf;
use tidewire_client::{
    Acknowledge, Client, Credentials, Error, Login, Message, Options, Subscription, connect,
};
use tidewire_protocols::stomp::{Command, Decoded, Decoder};
use tokio::time::timeout;

use super::peer::{Broker, Peer};
use super::{kind, next, options, within};

/// One connection. What is heard becomes one line: the command, the headers that tests look at, and the body.
struct StompPeer {
    peer: Peer,
    decoder: Decoder,
}

const HEADERS: [&str; 8] =
    ["destination", "id", "ack", "durable", "requeue", "transaction", "correlation-id", "reply-to"];

impl StompPeer {
    fn new(peer: Peer) -> Self {
        Self { peer, decoder: Decoder::default() }
    }

    async fn welcome(&mut self) {
        assert!(self.hears().await.0.starts_with("CONNECT"));
        self.say("CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0").await;
    }

    async fn say(&mut self, frame: &str) {
        self.peer.say(frame.as_bytes()).await;
    }

    async fn message(&mut self, subscription: &str, ack: &str, body: &str) {
        self.say(&format!(
            "MESSAGE\nsubscription:{subscription}\nmessage-id:m\ndestination:/topic/a\nack:{ack}\n\n{body}\0"
        ))
        .await;
    }

    /// The next frame, and the receipt that it asks for; `END` at the end.
    async fn hears(&mut self) -> (String, String) {
        loop {
            let size = match self.decoder.decode(&self.peer.input).expect("frames") {
                Decoded::Frame { frame, size } => {
                    let mut line = frame.command.as_str().to_owned();
                    for name in HEADERS {
                        if let Some(value) = frame.headers.get(name) {
                            line += &format!(" {name}:{value}");
                        }
                    }
                    if frame.command == Command::Send {
                        line += &format!(" {}", String::from_utf8_lossy(frame.body));
                    }
                    let receipt = frame.headers.get("receipt").unwrap_or_default().into_owned();
                    self.peer.input.advance(size);
                    return (line, receipt);
                }
                Decoded::HeartBeat { size } => size,
                Decoded::Incomplete { .. } => {
                    if !self.peer.fill().await {
                        return ("END".to_owned(), String::new());
                    }
                    0
                }
            };
            self.peer.input.advance(size);
        }
    }

    /// Hears a frame and confirms it; its line.
    async fn confirms(&mut self) -> String {
        let (heard, receipt) = self.hears().await;
        self.say(&format!("RECEIPT\nreceipt-id:{receipt}\n\n\0")).await;
        heard
    }
}

async fn enter(broker: &mut Broker, options: Options) -> (Client, StompPeer) {
    let url = "stomp://broker".parse().expect("a URL");
    let (client, peer) = tokio::join!(connect(&url, options), async {
        let mut peer = StompPeer::new(broker.accept().await);
        peer.welcome().await;
        peer
    });
    (client.expect("the broker accepts"), peer)
}

async fn again(broker: &mut Broker) -> StompPeer {
    let mut peer = StompPeer::new(broker.accept().await);
    peer.welcome().await;
    peer
}

#[tokio::test(start_paused = true)]
async fn subscriptions_and_what_has_no_receipt_come_back() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let durable = Subscription::from("a").with_durable("mine");
    let (messages, heard) = tokio::join!(client.subscribe(durable), peer.confirms());
    assert_eq!(heard, "SUBSCRIBE destination:/topic/a id:mine ack:client durable:true");
    let mut underway = Vec::new();
    for body in ["1", "2", "3"] {
        underway.push(client.send(Message::new("b", body)).await.unwrap());
    }
    assert_eq!(peer.confirms().await, "SEND destination:/topic/b 1");
    drop(peer);
    let mut peer = again(&mut broker).await;
    assert_eq!(peer.confirms().await, "SUBSCRIBE destination:/topic/a id:mine ack:client durable:true");
    for body in ["2", "3"] {
        assert_eq!(peer.confirms().await, format!("SEND destination:/topic/b {body}"));
    }
    for acknowledgement in underway {
        within(acknowledgement).await.unwrap();
    }
    peer.message("mine", "a1", "x").await;
    assert_eq!(next(&mut messages.unwrap()).await.payload, "x");
    assert_eq!(peer.hears().await.0, "ACK id:a1");
    assert_eq!(peer.hears().await.0, "UNSUBSCRIBE id:mine", "the durable one stays");
}

#[tokio::test(start_paused = true)]
async fn one_ack_covers_what_was_taken_together() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let (messages, _) = tokio::join!(client.subscribe("a"), peer.confirms());
    let mut messages = messages.unwrap();
    for ack in ["a1", "a2", "a3"] {
        peer.message("s1", ack, ack).await;
    }
    assert_eq!(next(&mut messages).await.payload, "a1");
    while messages.try_next().is_some() {}
    messages.acknowledge();
    assert_eq!(peer.hears().await.0, "ACK id:a3");
}

#[tokio::test(start_paused = true)]
async fn by_hand_each_has_its_own_and_none_of_an_earlier_connection_counts() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let by_hand = Subscription::from("/queue/jobs").with_acknowledge(Acknowledge::Manual);
    let (messages, heard) = tokio::join!(client.subscribe(by_hand), peer.confirms());
    assert_eq!(heard, "SUBSCRIBE destination:/queue/jobs id:s1 ack:client-individual");
    let mut messages = messages.unwrap();
    for ack in ["a1", "a2", "a3", "a4"] {
        peer.message("s1", ack, ack).await;
    }
    let (first, second) = (next(&mut messages).await, next(&mut messages).await);
    let (third, fourth) = (next(&mut messages).await, next(&mut messages).await);
    third.discard();
    second.reject();
    first.acknowledge();
    for heard in ["NACK id:a3 requeue:false", "NACK id:a2", "ACK id:a1"] {
        assert_eq!(peer.hears().await.0, heard);
    }
    drop(peer);
    let mut peer = again(&mut broker).await;
    peer.confirms().await;
    fourth.acknowledge();
    client.send(Message::new("b", "mark")).await.map(drop).unwrap();
    assert_eq!(peer.hears().await.0, "SEND destination:/topic/b mark");
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_ends_the_connection_for_is_not_sent_again() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let forbidden = client.send(Message::new("/nowhere", "x")).await.unwrap();
    let innocent = client.send(Message::new("a", "y")).await.unwrap();
    let (_, receipt) = peer.hears().await;
    peer.say(&format!("ERROR\nmessage:no such destination\nreceipt-id:{receipt}\n\n\0")).await;
    drop(peer);
    assert!(matches!(within(forbidden).await, Err(Error::Rejected { .. })));
    let mut peer = again(&mut broker).await;
    assert_eq!(peer.confirms().await, "SEND destination:/topic/a y");
    within(innocent).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_of_one_connection() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let (first, _) = tokio::join!(client.begin(), peer.confirms());
    let (second, _) = tokio::join!(client.begin(), peer.confirms());
    let (first, second) = (first.unwrap(), second.unwrap());
    first.send(Message::new("a", "x")).await.unwrap();
    assert_eq!(peer.hears().await.0, "SEND destination:/topic/a transaction:1 x");
    let committing = tokio::spawn(async move { kind(second.commit().await) });
    assert_eq!(peer.hears().await.0, "COMMIT transaction:2");
    drop(peer);
    assert_eq!(within(committing).await.unwrap(), "FateUnknown");
    let mut peer = again(&mut broker).await;
    first.send(Message::new("a", "y")).await.unwrap();
    assert_eq!(kind(within(first.commit()).await), "TransactionLost");
    let (third, heard) = tokio::join!(client.begin(), peer.confirms());
    assert_eq!(heard, "BEGIN transaction:3", "nothing of the first is left");
    drop(third);
    assert_eq!(peer.hears().await.0, "ABORT transaction:3");
}

#[tokio::test(start_paused = true)]
async fn a_reply_finds_its_request() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let asking = client.request(Message::new("/queue/sums", "1+1"), Duration::from_secs(5));
    let (reply, ()) = tokio::join!(asking, async {
        let heard = peer.confirms().await;
        assert!(heard.contains("reply-to:/temp-queue/replies"), "{heard}");
        let correlation = heard.split_once("correlation-id:").unwrap().1.split(' ').next().unwrap();
        peer.say(&format!(
            "MESSAGE\nsubscription:/temp-queue/replies\nmessage-id:m\ndestination:/queue/temp.1.replies\n\
             correlation-id:{correlation}\n\n2\0"
        ))
        .await;
    });
    assert_eq!(reply.unwrap().payload, "2");
    let unheard = client.request(Message::new("/queue/sums", "?"), Duration::from_secs(5));
    assert!(matches!(within(unheard).await, Err(Error::NoReply(_))));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_by_a_frame() {
    let mut broker = Broker::new();
    let credentials = Credentials::provider(|| async {
        Ok::<_, std::io::Error>(Login::token("t").with_expiry(Duration::from_secs(40)))
    });
    let options = options(&broker).with_credentials(credentials);
    let (_client, mut peer) = enter(&mut broker, options).await;
    let start = tokio::time::Instant::now();
    assert_eq!(peer.hears().await.0, "SEND destination:/auth/token t");
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_is_confirmed_or_ends_in_time() {
    for is_confirmed in [true, false] {
        let mut broker = Broker::new();
        let options = options(&broker);
        let (client, mut peer) = enter(&mut broker, options).await;
        let disconnected = tokio::spawn(async move { kind(client.disconnect().await) });
        assert_eq!(peer.hears().await.0.as_str(), "DISCONNECT");
        if is_confirmed {
            peer.say("RECEIPT\nreceipt-id:1\n\n\0").await;
        }
        let outcome = timeout(Duration::from_secs(10), disconnected).await.expect("in time").unwrap();
        assert_eq!(outcome, "ok");
        assert_eq!(peer.hears().await.0, "END");
    }
}
