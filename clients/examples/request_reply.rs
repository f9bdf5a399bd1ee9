//! A service that adds numbers, and somebody who asks it. Both protocols can be on either side:
//!
//! ```text
//! cargo run -p tidewire-client --example request_reply -- ws://127.0.0.1:8080/ stomp://127.0.0.1:61613
//! ```

use std::env;
use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use tidewire_client::{Client, Message, Options, Qos, connect};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let of_service = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:8080/".to_owned()).parse()?;
    let of_asker = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:8080/".to_owned()).parse()?;

    let service = connect(&of_service, Options::default()).await?;
    // It has subscribed when this returns: whoever asks earlier is heard by nobody.
    let requests = service.subscribe("services/add").await?;
    tokio::spawn(serve(requests));

    let client = connect(&of_asker, Options::default()).await?;
    // Any number of requests may be under way; each reply finds its own.
    let (first, second) = tokio::join!(ask(&client, "1 2 3"), ask(&client, "40 2"));
    writeln!(stdout(), "1 2 3 -> {}\n40 2 -> {}", first?, second?)?;
    client.disconnect().await?;
    Ok(())
}

async fn serve(mut requests: tidewire_client::Messages) {
    while let Some(request) = requests.next().await {
        let text = String::from_utf8_lossy(&request.payload).into_owned();
        let sum: i64 = text.split_whitespace().filter_map(|number| number.parse::<i64>().ok()).sum();
        // Who asks for no reply gets none.
        let _ = request.reply(sum.to_string()).await;
    }
}

async fn ask(client: &Client, numbers: &str) -> Result<String, tidewire_client::Error> {
    let request = Message::new("services/add", numbers.to_owned()).with_qos(Qos::AtLeastOnce);
    let reply = client.request(request, Duration::from_secs(5)).await?;
    Ok(String::from_utf8_lossy(&reply.payload).into_owned())
}
