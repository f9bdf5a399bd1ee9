//! The program of docs/clients.md: it shows what comes to some topics, for as long as it runs.
//!
//! ```text
//! cargo run -p tidewire-client --example hall -- wss://broker.example:8443/
//! ```

use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use tidewire_client::{
    Credentials, Login, Message, MqttOptions, Options, Qos, Reconnect, Subscription, Tls, connect,
};

/// How long a token lasts. The library asks for the next one in time, and renews itself with it.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

async fn fetch_token() -> std::io::Result<Login> {
    let token = std::fs::read_to_string("token")?;
    Ok(Login::token(token.trim()).with_user_name("hall").with_expiry(TOKEN_LIFETIME))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "wss://broker.example:8443/".to_owned());
    let options = Options::default()
        .with_client_id("hall-display-6")
        .with_credentials(Credentials::provider(fetch_token))
        .with_tls(Tls::default().with_ca_file("ca.pem"))
        // As recommended it is by itself; the first try is repeated as well with this.
        .with_reconnect(Reconnect::default().with_first_retried())
        .with_mqtt(MqttOptions {
            clean_start: false,
            session_expiry: Duration::from_secs(86_400),
            ..MqttOptions::default()
        });
    let client = connect(&url.parse()?, options).await?;
    let mut messages = client.subscribe(Subscription::new("rooms/#", Qos::AtLeastOnce)).await?;
    client.publish(Message::new("rooms/hall", "hello from Rust").with_qos(Qos::AtLeastOnce)).await?;
    while let Some(message) = messages.next().await {
        writeln!(stdout(), "{} {}", message.topic, String::from_utf8_lossy(&message.payload))?;
    }
    Ok(client.ended().await?)
}
