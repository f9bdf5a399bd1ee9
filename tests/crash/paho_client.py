"""A paho client of a session that outlives its connections, run by the loop of asyncio.

Its paho object lives on when the broker dies, and with it the client's half of the session: at the next connection paho
sends again what is not acknowledged, PUBLISH with DUP or PUBREL, with the packet identifiers of before.
"""

import asyncio

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from account import ACKNOWLEDGED, LOST, RECEIVED, SESSIONS
from member import DEADLINE_SECONDS, Gone

# No round is so long: nobody pings, and nobody is waited for.
KEEP_ALIVE_SECONDS = 600


class Paho(mqtt.Client):
    """paho, mended: as it is, at a second attempt to connect it forgets that a message waits for PUBCOMP, and publishes
    it anew. That breaks [MQTT-4.3.3-1], and the message would come twice by no fault of the broker."""

    def _messages_reconnect_reset_out(self):
        released = [message for message in self._out_messages.values() if message.state == mqtt.mqtt_ms_resend_pubrel]
        super()._messages_reconnect_reset_out()
        for message in released:
            message.state = mqtt.mqtt_ms_resend_pubrel


class PahoClient:
    """One client; `wire` is "tcp" or "ws", `version` "3.1.1" or "5"."""

    def __init__(self, account, ports, name, version, wire, persistent=True, will=None):
        self.account = account
        self.name = name
        self.has_session = False  # a CONNACK has said so
        self.persistent = persistent
        self.connected = False
        self.is_leaving = False
        self.on_connected = lambda: None  # before paho sends again what is open
        self.on_acknowledged = lambda mid: None
        self.on_message = lambda topic, payload, retain: None
        self.answers = {}  # what is waited for: packet identifier, or "connect"
        self.paho = Paho(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=name,
            clean_session=None if version == "5" else not persistent,
            protocol=mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311,
            transport="websockets" if wire == "ws" else "tcp",
            reconnect_on_failure=False,
        )
        self.paho.max_inflight_messages = 100
        if wire == "ws":
            self.paho.ws_set_options(path="/")
        if will is not None:
            self.paho.will_set(*will, qos=1, retain=True)
        self._call_back()
        options = {}
        if version == "5":
            options["clean_start"] = not persistent
            options["properties"] = Properties(PacketTypes.CONNECT)
            options["properties"].SessionExpiryInterval = 86400 if persistent else 0
        port = ports["websocket"] if wire == "ws" else ports["mqtt"]
        self.paho.connect_async("127.0.0.1", port, KEEP_ALIVE_SECONDS, **options)

    async def connect(self):
        """Whether the broker has the session."""
        answer = self._answer("connect")
        self.is_leaving = False
        try:
            self.paho.reconnect()
        except (OSError, ValueError, mqtt.WebsocketConnectionError) as error:
            raise Gone from error
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await answer

    async def subscribe(self, topic_filter, qos):
        mid = self.paho.subscribe(topic_filter, qos)[1]
        reasons = await self._answered(mid)
        assert reasons[0].value == qos, f"{self.name} may not subscribe: {reasons[0]}"

    async def unsubscribe(self, topic_filter):
        await self._answered(self.paho.unsubscribe(topic_filter)[1])

    def publish(self, topic, payload, qos, retain=False):
        """The packet identifier; `on_acknowledged` tells of it once PUBACK or PUBCOMP has come."""
        return self.paho.publish(topic, payload, qos, retain).mid

    async def published(self, topic, payload, qos):
        await self._answered(self.publish(topic, payload, qos))

    def disconnect(self):
        self.is_leaving = True
        self.paho.disconnect()

    def is_connected(self):
        return self.paho.socket() is not None

    def cut(self):
        self.is_leaving = True
        self.paho._sock_close()
        self._has_ended()

    def _call_back(self):
        loop = asyncio.get_running_loop()
        paho = self.paho
        paho.on_socket_open = lambda _c, _u, socket: loop.add_reader(socket, paho.loop_read)
        paho.on_socket_close = lambda _c, _u, socket: loop.remove_reader(socket)
        paho.on_socket_register_write = lambda _c, _u, socket: loop.add_writer(socket, paho.loop_write)
        paho.on_socket_unregister_write = lambda _c, _u, socket: loop.remove_writer(socket)
        paho.on_connect = lambda _c, _u, flags, reason, _p: self._has_connected(flags, reason)
        paho.on_disconnect = lambda _c, _u, _flags, _reason, _p: self._has_ended()
        paho.on_subscribe = lambda _c, _u, mid, reasons, _p: self._resolve(mid, reasons)
        paho.on_unsubscribe = lambda _c, _u, mid, reasons, _p: self._resolve(mid, reasons)
        paho.on_publish = lambda _c, _u, mid, reason, _p: self._has_published(mid, reason)
        paho.on_message = lambda _c, _u, message: self.on_message(message.topic, message.payload, message.retain)

    def _has_connected(self, flags, reason):
        assert not reason.is_failure, f"{self.name} may not connect: {reason}"
        self.connected = True
        self._judge_session(flags.session_present)
        self.on_connected()
        self._resolve("connect", flags.session_present)

    def _judge_session(self, is_present):
        if self.has_session and not is_present:
            self.account.fail(SESSIONS, LOST, f"the session of {self.name}, which a CONNACK had acknowledged")
        elif self.has_session:
            self.account.count(SESSIONS, RECEIVED)
        elif self.persistent:
            self.account.count(SESSIONS, ACKNOWLEDGED)
            self.has_session = True

    def _has_published(self, mid, reason):
        # A PUBCOMP may well say that it knows of no such PUBLISH: it was released before, and that got lost.
        assert not reason.is_failure or reason.value == 0x92, f"a message of {self.name} is refused: {reason}"
        self.on_acknowledged(mid)
        self._resolve(mid, None)

    def _has_ended(self):
        if self.connected and not self.is_leaving:
            self.account.has_ended(self.name)
        self.connected = False
        answers, self.answers = self.answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(Gone())

    def _answer(self, key):
        self.answers[key] = asyncio.get_running_loop().create_future()
        return self.answers[key]

    async def _answered(self, mid):
        if not self.connected:
            raise Gone
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._answer(mid)

    def _resolve(self, key, value):
        answer = self.answers.pop(key, None)
        if answer is not None and not answer.done():
            answer.set_result(value)
