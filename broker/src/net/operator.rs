//! WebSockets of those who run the broker: they come to the admin listener, which has looked at who asks, and are clients of
//! the broker from there on, who may do everything.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tidewire_protocols::websocket::Subprotocol;
use tidewire_protocols::websocket::deflate::Policy;

use super::Socket;
use super::asked::Asked;
use super::begun::Begun;
use super::handshake::{Agreement, Refusal, Site, examine, refusal};
use super::listener::{Listed, ListenerState, Place};
use crate::auth::Arrival;
use crate::broker::Broker;
use crate::config::{ListenerConfig, ProtocolName, Transport};
use crate::counters::Carrier;
use crate::session::Signal;

/// WebSockets at once: a few pages, each with a few.
const WEB_SOCKETS_MAX: usize = 64;

/// Where those who run the broker connect as clients.
pub struct Operators {
    state: Arc<ListenerState>,
}

impl Operators {
    /// For a broker; `name` is that of the listener in logs.
    pub fn new(broker: Arc<Broker>, name: &str) -> Self {
        let protocols = [ProtocolName::Mqtt, ProtocolName::Stomp];
        // Nothing is bound for it.
        let config = ListenerConfig::new(name, "", Transport::Ws, &protocols);
        let config = ListenerConfig { max_connections: WEB_SOCKETS_MAX, ..config };
        Self { state: Arc::new(ListenerState::new(broker, config, None)) }
    }

    /// Answers a request for a WebSocket of somebody who may have one until `ended`: of which page it comes and whose it is
    /// has been looked at. What is granted is served by a task of its own, once hyper has sent the answer and given the socket
    /// back.
    pub fn answer<B>(
        &self,
        mut request: Request<B>,
        ended: impl Future<Output = ()> + Send + 'static,
    ) -> Response<Full<Bytes>> {
        let granted = Place::take(&self.state)
            .and_then(|place| Ok((place, examine(&Asked::from(&request), &OperatorSite)?)));
        match granted {
            Ok((place, (agreement, answer))) => {
                let upgrade = hyper::upgrade::on(&mut request);
                let agreed = Agreed { state: Arc::clone(&self.state), place, agreement, upgrade };
                tokio::spawn(agreed.serve(ended));
                answer
            }
            Err(refused) => {
                tracing::debug!(status = %refused.status, reason = refused.reason, "no WebSocket for an operator");
                refusal(refused, request.version())
            }
        }
    }
}

/// A WebSocket that was agreed on and has not begun.
struct Agreed {
    state: Arc<ListenerState>,
    place: Place,
    agreement: Agreement<Subprotocol>,
    upgrade: OnUpgrade,
}

impl Agreed {
    async fn serve(self, ended: impl Future<Output = ()>) {
        let Self { state, place, agreement, upgrade } = self;
        let Ok(upgraded) = upgrade.await else { return };
        // Nothing else is ever served there.
        let Ok(parts) = upgraded.downcast::<TokioIo<Socket>>() else { return };
        let socket = parts.io.into_inner();
        let link = state.broker.new_link(socket.origin(&state.config));
        link.set_carrier(Carrier { is_web_socket: true, is_tls: matches!(socket, Socket::Tls(_)) });
        let listed = Listed::new(&state.broker, Arc::clone(&link));
        let arrival = Arrival {
            address: socket.peer_address().as_ref().map(SocketAddr::ip),
            listener: Arc::clone(&state.config.name),
            is_operator: true,
            ..Arrival::default()
        };
        let (broker, listener) = (&state.broker, &state.config);
        let begun = Begun { broker, listener, link: &link, arrival };
        let (stream, protocol) = begun.web_socket(socket, &agreement, &parts.read_buf);
        let mut served = listed.begin_serving(stream, protocol, None, Some(place));
        tokio::select! {
            () = &mut served.serving => return,
            () = ended => {
                tracing::info!(%link, "an operator's WebSocket ends, since another token is asked for");
                link.end(Signal::Kicked);
            }
        }
        served.serving.await;
    }
}

/// Both protocols, for whoever has come this far.
struct OperatorSite;

impl Site for OperatorSite {
    type Subprotocol = Subprotocol;

    fn admit(&self, _asked: &Asked<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn check_origin(&self, _asked: &Asked<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn choose(&self, offered: &[&str]) -> Result<Subprotocol, Refusal> {
        Subprotocol::choose(offered.iter().copied(), |_| true).ok_or_else(|| {
            let served: Vec<_> = Subprotocol::ALL.into_iter().map(Subprotocol::name).collect();
            let reason = format!("no Sec-WebSocket-Protocol that is served here: {}", served.join(", "));
            Refusal::new(StatusCode::BAD_REQUEST, reason)
        })
    }

    fn name(subprotocol: &Subprotocol) -> Option<&str> {
        Some(subprotocol.name())
    }

    /// The admin listener notes what it refuses.
    fn note_refusal(&self, _refusal: &Refusal) {}

    /// The way is short: nearly always it stays on the machine.
    fn compression(&self) -> Option<Policy> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use hyper::Version;

    use super::*;
    use crate::auth::Gate;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::store::MemoryStore;

    fn operators() -> Operators {
        let store = Arc::new(MemoryStore::default());
        let broker = Broker::new(Config::default(), Arc::new(Gate::default()), store, Clock::system());
        Operators::new(Arc::new(broker), "admin")
    }

    fn request(subprotocols: &str) -> Request<()> {
        let lines = [
            ("host", "localhost"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
            ("sec-websocket-protocol", subprotocols),
        ];
        let mut request = Request::builder().version(Version::HTTP_11).uri("/ws");
        for (name, value) in lines {
            request = request.header(name, value);
        }
        request.body(()).unwrap()
    }

    #[tokio::test]
    async fn the_first_protocol_that_is_known_is_spoken() {
        let operators = operators();
        for (offered, spoken) in [
            ("mqtt", Some("mqtt")),
            ("bearer.secret, v12.stomp, mqtt", Some("v12.stomp")),
            ("bearer.secret", None),
            ("amqp", None),
        ] {
            let answer = operators.answer(request(offered), pending());
            let expected =
                if spoken.is_some() { StatusCode::SWITCHING_PROTOCOLS } else { StatusCode::BAD_REQUEST };
            assert_eq!(answer.status(), expected, "{offered}");
            let name = answer.headers().get("sec-websocket-protocol").map(|name| name.to_str().unwrap());
            assert_eq!(name, spoken, "{offered}");
        }
    }

    #[tokio::test]
    async fn so_many_operators_connect_at_once() {
        let operators = operators();
        for _ in 0..WEB_SOCKETS_MAX {
            assert_eq!(
                operators.answer(request("mqtt"), pending()).status(),
                StatusCode::SWITCHING_PROTOCOLS
            );
        }
        assert_eq!(operators.answer(request("mqtt"), pending()).status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
