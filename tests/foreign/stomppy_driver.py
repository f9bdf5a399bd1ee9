"""Drives stomp.py: STOMP 1.0, 1.1 and 1.2 over tcp (stomp://, stomps://), 1.2 over WebSocket (ws://).

    connect     {url, version: "1.0" | "1.1" | "1.2", headers, text, tls: {ca, cert, key}} -> connected {headers};
                over WebSocket its frames are binary, or text with `text: true`; what `tls` names are files
    subscribe   {topic (the destination), id, headers} -> subscribed, once the receipt is there
    unsubscribe {id, headers} -> unsubscribed, likewise
    publish     {topic (the destination), payload, headers} -> published, likewise;
                a header whose value is a list is sent once for each of its items
    ack, nack   {id (the ack header), subscription, headers} -> acknowledged, likewise
    disconnect  {} -> closed

Each message: message {topic, payload, headers (as the library understands them), header_lines (as they arrived),
text (whether its WebSocket frame was text; absent over tcp)}.
"""

import itertools
from urllib.parse import urlsplit

import stomp
import stomp.transport
import websocket
from stomp.adapter.ws import WSStompConnection, WSTransport

from wire import emit, from_base64, serve, to_base64

CONNECTIONS = {"1.0": stomp.StompConnection10, "1.1": stomp.StompConnection11, "1.2": stomp.StompConnection12}

clients = {}
receipts = itertools.count(1)
expected = {}  # receipt: the connection and the event that it stands for


class Events(stomp.ConnectionListener):
    """Turns what the library calls back with into events."""

    def __init__(self, name, connection):
        self.name = name
        self.connection = connection

    def on_connected(self, frame):
        emit("connected", self.name, headers=frame.headers)

    def on_message(self, frame):
        emit(
            "message",
            self.name,
            topic=frame.headers["destination"],
            payload=to_base64(frame.body),
            headers=frame.headers,
            header_lines=frame.header_lines,
            text=getattr(self.connection.transport, "last_frame_is_text", None),
        )

    def on_receipt(self, frame):
        name, event = expected.pop(frame.headers["receipt-id"], (None, None))
        if event is not None:
            emit(event, name)

    def on_error(self, frame):
        emit("error", self.name, message=frame.headers.get("message"), body=frame.body.decode(errors="replace"))

    def on_disconnected(self):
        emit("closed", self.name)


def parse_frame_keeping_lines(data, parse=stomp.transport.parse_frame):
    """The library's own parser; besides, the header lines are kept as they came: it drops repeated ones."""
    frame = parse(data)
    if frame is not None:
        head = data.lstrip(b"\r\n").replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]
        frame.header_lines = head.decode(errors="replace").split("\n")[1:]
    return frame


def receive_noting_kind(transport):
    """What WSTransport.receive does, but noting whether the WebSocket frame was text."""
    opcode, data = transport.socket.recv_data()
    transport.last_frame_is_text = opcode == websocket.ABNF.OPCODE_TEXT
    return data if opcode != websocket.ABNF.OPCODE_CLOSE else b""


stomp.transport.parse_frame = parse_frame_keeping_lines
WSTransport.receive = receive_noting_kind


def connect(name, url, version, headers=None, text=False, tls=None):
    address = urlsplit(url)
    headers = dict(headers or {})
    options = {"host_and_ports": [(address.hostname, address.port)], "auto_decode": False, "reconnect_attempts_max": 1}
    if version != "1.0":
        options.update(heartbeats=(10000, 10000), vhost=headers.pop("host", None))
    if address.scheme == "ws":
        # The library names no subprotocol of its own, and without one a broker that speaks two cannot know which.
        subprotocol = {"Sec-WebSocket-Protocol": f"v{version.replace('.', '')}.stomp"}
        connection = WSStompConnection(ws_path=address.path, header=subprotocol, binary_mode=not text, **options)
    else:
        connection = CONNECTIONS[version](**options)
    if tls is not None:
        connection.set_ssl(options["host_and_ports"], tls.get("key"), tls.get("cert"), tls["ca"])
    connection.set_listener("events", Events(name, connection))
    clients[name] = connection
    connection.connect(headers=headers)


def subscribe(name, topic, id, headers=None):
    headers = dict(headers or {})
    ack = headers.pop("ack", "auto")
    clients[name].subscribe(topic, id=id, ack=ack, headers={"receipt": receipt(name, "subscribed"), **headers})


def unsubscribe(name, id, headers=None):
    clients[name].unsubscribe(id, headers={"receipt": receipt(name, "unsubscribed"), **(headers or {})})


def publish(name, topic, payload, headers=None, text=None):  # the kind of frame was chosen at connect
    headers = {key: tuple(value) if isinstance(value, list) else value for key, value in (headers or {}).items()}
    headers["receipt"] = receipt(name, "published")
    clients[name].send(topic, from_base64(payload), headers=headers)


def acknowledge(command):
    def send(name, id, subscription, headers=None):
        frame = {"receipt": receipt(name, "acknowledged"), "subscription": subscription, **(headers or {})}
        frame["id" if clients[name].version == "1.2" else "message-id"] = id
        clients[name].send_frame(command, frame)

    return send


def disconnect(name):
    clients[name].disconnect(receipt=receipt(name, None))


def receipt(name, event):
    number = f"receipt-{next(receipts)}"
    expected[number] = (name, event)
    return number


serve(
    {
        "connect": connect,
        "subscribe": subscribe,
        "unsubscribe": unsubscribe,
        "publish": publish,
        "ack": acknowledge("ACK"),
        "nack": acknowledge("NACK"),
        "disconnect": disconnect,
    }
)
