//! MQTT, one file per concern.

use std::time::Duration;

use tidewire_tests::mqtt::MqttPeer;

mod alias;
mod authenticate;
mod connect;
mod disconnect;
mod expiry;
mod flow_control;
mod keep_alive;
mod limits;
mod overflow;
mod properties;
mod publish;
mod qos;
mod redirect;
mod refusals;
mod resume;
mod retain;
mod shared;
mod subscribe;
mod takeover;
mod will;

const SECOND: Duration = Duration::from_secs(1);

/// Holds that none of the peers hears anything more.
async fn nothing_else(peers: &mut [&mut MqttPeer]) {
    for peer in peers {
        peer.hears_nothing().await;
    }
}
