//! Clients by what they speak, and by what carries it.

use super::Counter;

/// A protocol and its version, as a client has logged in with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// MQTT 3.1.
    Mqtt31,
    /// MQTT 3.1.1.
    Mqtt311,
    /// MQTT 5.0.
    Mqtt5,
    /// STOMP 1.0.
    Stomp10,
    /// STOMP 1.1.
    Stomp11,
    /// STOMP 1.2.
    Stomp12,
}

impl Spoken {
    /// All of them, in the order in which they are declared.
    pub const ALL: [Self; 6] =
        [Self::Mqtt31, Self::Mqtt311, Self::Mqtt5, Self::Stomp10, Self::Stomp11, Self::Stomp12];

    /// The protocol.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Mqtt31 | Self::Mqtt311 | Self::Mqtt5 => Protocol::Mqtt,
            Self::Stomp10 | Self::Stomp11 | Self::Stomp12 => Protocol::Stomp,
        }
    }

    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mqtt31 => "mqtt31",
            Self::Mqtt311 => "mqtt311",
            Self::Mqtt5 => "mqtt5",
            Self::Stomp10 => "stomp10",
            Self::Stomp11 => "stomp11",
            Self::Stomp12 => "stomp12",
        }
    }

    /// The version's name in metrics.
    pub fn version(self) -> &'static str {
        match self {
            Self::Mqtt31 => "3.1",
            Self::Mqtt311 => "3.1.1",
            Self::Mqtt5 => "5.0",
            Self::Stomp10 => "1.0",
            Self::Stomp11 => "1.1",
            Self::Stomp12 => "1.2",
        }
    }
}

/// A protocol, where its version makes no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT.
    Mqtt,
    /// STOMP.
    Stomp,
}

impl Protocol {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Mqtt, Self::Stomp];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Stomp => "stomp",
        }
    }
}

/// What carries a connection's protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carrier {
    /// WebSocket, over HTTP/1.1 or HTTP/2; otherwise it is a bare stream of bytes.
    pub is_web_socket: bool,
    /// Whether TLS is below that.
    pub is_tls: bool,
}

impl Carrier {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [
        Self { is_web_socket: false, is_tls: false },
        Self { is_web_socket: true, is_tls: false },
        Self { is_web_socket: false, is_tls: true },
        Self { is_web_socket: true, is_tls: true },
    ];

    /// Its place among [`Carrier::ALL`].
    pub fn number(self) -> usize {
        usize::from(self.is_web_socket) | usize::from(self.is_tls) << 1
    }

    /// The transport's name in metrics: `ws` or `tcp`, as a listener's `transport` has it.
    pub fn transport(self) -> &'static str {
        if self.is_web_socket { "ws" } else { "tcp" }
    }
}

/// Clients that have logged in.
#[derive(Debug, Default)]
pub struct ClientCounters {
    open: [[Counter; Carrier::ALL.len()]; Spoken::ALL.len()],
    total: [[Counter; Carrier::ALL.len()]; Spoken::ALL.len()],
    connected: Counter,
    highest: Counter,
}

impl ClientCounters {
    /// One has logged in.
    pub fn add(&self, spoken: Spoken, carrier: Carrier) {
        self.open[spoken as usize][carrier.number()].add(1);
        self.total[spoken as usize][carrier.number()].add(1);
        self.connected.add(1);
        self.highest.raise_to(self.connected.value());
    }

    /// One of those has gone.
    pub fn remove(&self, spoken: Spoken, carrier: Carrier) {
        self.open[spoken as usize][carrier.number()].subtract(1);
        self.connected.subtract(1);
    }

    /// So many are connected.
    pub fn connected(&self) -> u64 {
        self.connected.value()
    }

    /// So many have logged in.
    pub fn total(&self) -> u64 {
        self.total.iter().flatten().map(Counter::value).sum()
    }

    /// The most that were connected at a time.
    pub fn highest(&self) -> u64 {
        self.highest.value()
    }

    /// So many of these are connected, and so many there have been.
    pub fn of(&self, spoken: Spoken, carrier: Carrier) -> (u64, u64) {
        let number = carrier.number();
        (self.open[spoken as usize][number].value(), self.total[spoken as usize][number].value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_place_of_its_own() {
        let counters = ClientCounters::default();
        for (place, spoken) in Spoken::ALL.into_iter().enumerate() {
            assert_eq!(spoken as usize, place, "{spoken:?}");
            for (number, carrier) in Carrier::ALL.into_iter().enumerate() {
                assert_eq!(carrier.number(), number);
                counters.add(spoken, carrier);
                assert_eq!(counters.of(spoken, carrier), (1, 1), "{spoken:?} {carrier:?}");
            }
        }
        counters.remove(Spoken::Mqtt5, Carrier::default());
        assert_eq!(counters.of(Spoken::Mqtt5, Carrier::default()), (0, 1));
        assert_eq!((counters.connected(), counters.highest()), (23, 24));
    }
}
