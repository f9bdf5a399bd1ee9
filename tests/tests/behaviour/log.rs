//! What is in the log of clients.

use tidewire_tests::conversations;
use tidewire_tests::log::Log;
use tidewire_tests::mqtt::{connect, disconnect};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

conversations! {
    a_client_identifier_with_a_line_end_makes_one_line => line_end;
}

async fn line_end(wire: Wire) {
    let log = Log::begin();
    let world = World::new(wire);
    let mut alice = world.mqtt().await;
    alice.connects(connect("alice\nERROR forged"), false).await.says(disconnect()).await.is_closed().await;
    for words in [": connected ", ": disconnected "] {
        log.says_once(words, &[r#" client_id="alice\nERROR forged" "#]);
    }
}
