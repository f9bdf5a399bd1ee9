//! A device that reports for as long as it runs, whatever becomes of the broker: start it, stop the broker, start that
//! again. It says how it stands with its broker.
//!
//! ```text
//! cargo run -p tidewire-client --example resilient -- ws://127.0.0.1:8080/ device-7
//! ```

use std::env;
use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use tidewire_client::{
    Client, Message, MqttOptions, Options, Qos, Reconnect, State, Subscription, Will, connect,
};
use tokio::time::interval;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:8080/".to_owned()).parse()?;
    let name = arguments.next().unwrap_or_else(|| "device-7".to_owned());

    let status = |text: &'static str| {
        Message::new(format!("devices/{name}/status"), text).with_qos(Qos::AtLeastOnce).with_retain(true)
    };
    let options = Options::default()
        .with_client_id(name.as_str())
        .with_reconnect(
            Reconnect::default()
                .with_delays(Duration::from_millis(500), Duration::from_secs(20))
                // It may be there before its broker is.
                .with_first_retried(),
        )
        .with_mqtt(MqttOptions {
            // What the broker has for this device waits an hour for it.
            session_expiry: Duration::from_secs(3600),
            will: Some(Will::new(status("gone"))),
            ..MqttOptions::default()
        });
    let client = connect(&url, options).await?;
    tokio::spawn(tell(client.clone(), status("here")));

    let mut orders =
        client.subscribe(Subscription::new(format!("devices/{name}/orders"), Qos::ExactlyOnce)).await?;
    let (mut number, mut pace) = (0_u64, interval(Duration::from_secs(1)));
    loop {
        tokio::select! {
            _ = pace.tick() => {
                number += 1;
                let report = Message::new(format!("devices/{name}/reports"), number.to_string());
                // While the broker is away it waits here, up to a bound; this program does not wait for it.
                if let Err(error) = client.send(report.with_qos(Qos::AtLeastOnce)).await {
                    writeln!(stdout(), "report {number} is lost: {error}")?;
                }
            }
            order = orders.next() => match order {
                Some(order) => writeln!(stdout(), "order: {}", String::from_utf8_lossy(&order.payload))?,
                None => return Ok(client.ended().await?),
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    client.disconnect().await?;
    Ok(())
}

/// Says how the connection is, and after each loss of it that the device is here again: its will has said otherwise.
async fn tell(client: Client, here: Message) {
    let mut state = client.state();
    loop {
        let now = state.borrow_and_update().clone();
        // Nobody may be reading it.
        let _ = match &now {
            State::Connecting { attempt } => writeln!(stdout(), "connecting, attempt {attempt}"),
            State::Connected { session_present } => {
                writeln!(stdout(), "connected, session present: {session_present}")
            }
            State::Waiting { retry_in, why } => writeln!(stdout(), "{why}; again in {retry_in:.1?}"),
            State::Ended(_) => return,
        };
        if matches!(now, State::Connected { .. }) {
            let _ = client.send(here.clone()).await;
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}
