"""A stomp.py client, one connection after another; what the library's thread hears is handed to the loop of asyncio."""

import asyncio
import itertools
import socket

import stomp
import websocket
from stomp.adapter.ws import WSStompConnection

from member import DEADLINE_SECONDS, Gone

# What the libraries raise where a connection has ended; an AttributeError, since they take the socket away at any time.
ENDINGS = (OSError, stomp.exception.StompException, websocket.WebSocketException, AttributeError)


class StompClient:
    """One client; `wire` is "tcp" or "ws". It has no memory of its own: receipts of an ended connection never come."""

    def __init__(self, account, ports, name, wire, client_id=None):
        self.account = account
        self.ports = ports
        self.name = name
        self.wire = wire
        self.headers = {"client-id": client_id} if client_id else {}
        self.connected = False
        self.is_leaving = False
        self.on_message = lambda frame: None
        self.on_ended = lambda: None
        self.connection = None
        self.receipts = {}  # receipt: what is called when it has come
        self.answers = []  # what is waited for until the connection ends
        self.receipt_numbers = itertools.count(1)

    async def connect(self):
        self.connection = self._make_connection()
        self.connection.set_listener("events", Events(self, self.connection))
        self.is_leaving = False
        answer = self._answer()
        self.receipts["connected"] = _resolver(answer)
        try:
            self.connection.connect(headers=self.headers)
        except ENDINGS as error:
            # The library says nothing of a connection that never was.
            self.hear(self.connection, "ended", None)
            raise Gone from error
        async with asyncio.timeout(DEADLINE_SECONDS):
            await answer

    async def subscribe(self, destination, **headers):
        answer = self._answer()
        self.send("SUBSCRIBE", {"destination": destination, "id": destination, **headers}, receipt=_resolver(answer))
        async with asyncio.timeout(DEADLINE_SECONDS):
            await answer

    def send(self, command, headers, body=None, receipt=None):
        """Sends a frame; `receipt` is called when its receipt has come."""
        if not self.connected:
            raise Gone
        headers = dict(headers)
        if receipt is not None:
            number = f"{self.name}-{next(self.receipt_numbers)}"
            headers["receipt"] = number
            self.receipts[number] = receipt
        if body is not None:
            headers["content-length"] = len(body)
        try:
            self.connection.send_frame(command, headers, body or b"")
        except ENDINGS as error:
            raise Gone from error

    def is_connected(self):
        return self.connection is not None

    def cut(self):
        if self.connection is not None:
            self.is_leaving = True
            # The library would close the socket, which does nothing for as long as its thread reads from it.
            outer = self.connection.transport.socket
            try:
                getattr(outer, "sock", outer).shutdown(socket.SHUT_RDWR)
            except (OSError, AttributeError):
                pass  # it has ended already

    def _make_connection(self):
        options = {"auto_decode": False, "reconnect_attempts_max": 1, "timeout": None}
        if self.wire == "tcp":
            return stomp.StompConnection12([("127.0.0.1", self.ports["stomp"])], **options)
        # The library names no subprotocol of its own, and without one a broker that speaks two cannot know which.
        options.update(ws_path="/", header={"Sec-WebSocket-Protocol": "v12.stomp"}, binary_mode=True)
        return WSStompConnection([("127.0.0.1", self.ports["websocket"])], **options)

    def _answer(self):
        answer = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        return answer

    def hear(self, connection, what, frame):
        """What has happened on one of its connections."""
        if connection is not self.connection:
            return  # it has ended already, and says so twice
        if what == "message":
            self.on_message(frame)
        elif what == "receipt":
            self.receipts.pop(frame.headers["receipt-id"], lambda: None)()
        elif what == "connected":
            self.connected = True
            self.receipts.pop("connected", lambda: None)()
        elif what == "error":
            raise AssertionError(f"{self.name} gets ERROR: {frame.headers.get('message')}")
        elif what == "ended":
            if self.connected and not self.is_leaving:
                self.account.has_ended(self.name)
            self.connected = False
            self.connection = None
            self.receipts.clear()
            for answer in self.answers:
                if not answer.done():
                    answer.set_exception(Gone())
            self.answers.clear()
            self.on_ended()


class Events(stomp.ConnectionListener):
    """Called in the library's thread."""

    def __init__(self, client, connection):
        self.loop = asyncio.get_running_loop()
        self.hear = lambda what, frame=None: self.loop.call_soon_threadsafe(client.hear, connection, what, frame)

    def on_connected(self, frame):
        self.hear("connected", frame)

    def on_message(self, frame):
        self.hear("message", frame)

    def on_receipt(self, frame):
        self.hear("receipt", frame)

    def on_error(self, frame):
        self.hear("error", frame)

    def on_disconnected(self):
        self.hear("ended")


def _resolver(answer):
    return lambda: answer.done() or answer.set_result(None)
