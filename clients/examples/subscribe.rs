//! Shows what is published, until it is interrupted:
//!
//! ```text
//! cargo run -p tidewire-client --example subscribe -- ws://127.0.0.1:8080/ 'weather/#'
//! ```

use std::env;
use std::error::Error;
use std::io::{Write, stdout};

use tidewire_client::{Options, connect};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:8080/".to_owned()).parse()?;
    let filter = arguments.next().unwrap_or_else(|| "#".to_owned());

    let client = connect(&url, Options::default()).await?;
    let mut messages = client.subscribe(filter).await?;
    loop {
        tokio::select! {
            // None: the client has ended, and `ended` tells why.
            received = messages.next() => match received {
                Some(message) => {
                    let payload = String::from_utf8_lossy(&message.payload);
                    writeln!(stdout(), "{}: {payload}", message.topic)?;
                }
                None => return Ok(client.ended().await?),
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    client.disconnect().await?;
    Ok(())
}
