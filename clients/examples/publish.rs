//! Publishes the lines of standard input, and ends when the broker has all of them:
//!
//! ```text
//! cargo run -p tidewire-client --example publish -- ws://127.0.0.1:8080/ notes < notes.txt
//! ```

use std::collections::VecDeque;
use std::env;
use std::error::Error;
use std::io::stdin;

use tidewire_client::{Message, Options, Qos, connect};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:8080/".to_owned()).parse()?;
    let topic = arguments.next().unwrap_or_else(|| "notes".to_owned());

    let client = connect(&url, Options::default()).await?;
    // Many are on their way at once; each acknowledgement says that the broker has one.
    let mut underway = VecDeque::new();
    for line in stdin().lines() {
        let message = Message::new(topic.as_str(), line?).with_qos(Qos::AtLeastOnce);
        underway.push_back(client.send(message).await?);
        if underway.len() > 100
            && let Some(oldest) = underway.pop_front()
        {
            oldest.await?;
        }
    }
    for acknowledgement in underway {
        acknowledgement.await?;
    }
    client.disconnect().await?;
    Ok(())
}
