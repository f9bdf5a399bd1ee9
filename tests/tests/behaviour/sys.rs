//! What the broker publishes of itself, below `$SYS/broker`.

use std::time::Duration;

use tidewire::config::Span;
use tidewire_tests::mqtt::{connect_v311, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;
