//! Who may connect and what they may do, with the broker's own authority.

mod attacks;
mod login;
mod reload;
mod renewal;
mod rules;
mod scram;
mod sessions;
mod upgrade;

use tidewire_tests::mqtt::{ConnectWords, MqttPeer};
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::{Heard, StompPeer};
use tidewire_tests::users::Users;
use tidewire_tests::world::World;

fn world(wire: Wire, users: &Users) -> World {
    World::with(wire, |config| users.configure(config))
}

/// An MQTT client that is let in.
async fn mqtt(world: &World, connect: ConnectWords) -> MqttPeer {
    world.client_with(connect, false).await
}

/// A STOMP client that is let in by these headers, each with its line's end.
async fn stomp(world: &World, headers: &str) -> StompPeer {
    let mut client = world.stomp().await;
    client.says(&format!("CONNECT\naccept-version:1.2\nhost:test\n{headers}\n^")).await;
    let heard = client.next().await;
    assert_eq!(heard.command, "CONNECTED", "{heard:?}");
    client
}

/// Holds that a STOMP client is not let in by these headers, and returns the ERROR.
async fn stomp_is_refused(world: &World, headers: &str) -> Heard {
    let mut client = world.stomp().await;
    client.says(&format!("CONNECT\naccept-version:1.2\nhost:test\n{headers}\n^")).await;
    client.is_refused("access refused", 1000).await
}
