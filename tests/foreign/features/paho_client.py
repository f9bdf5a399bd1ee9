"""A paho client that keeps what it hears, the same for paho-mqtt 1.x and 2.x."""

import contextlib
import queue
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

IS_1 = not hasattr(mqtt, "CallbackAPIVersion")
VERSIONS = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5": mqtt.MQTTv5}
DEADLINE = 15


def properties(place, **values):
    """Properties(CONNECT, SessionExpiryInterval=1) in one expression."""
    made = Properties(getattr(PacketTypes, place))
    for name, value in values.items():
        setattr(made, name, value)
    return made


def code(reason):
    """The number of a reason code or return code, whichever the library made of it."""
    return getattr(reason, "value", reason)


class Client:
    """Connects with `open`; every answer is waited for with a deadline."""

    def __init__(self, place, client_id, version, clean=True, **options):
        self.address, self.version, self.clean, self.options = place, version, clean, options
        self.connacks, self.endings, self.messages = queue.Queue(), queue.Queue(), queue.Queue()
        self.answers, self.answered = {}, threading.Condition()
        transport, self.host, self.port = place
        arguments = {"client_id": client_id, "protocol": VERSIONS[version], "transport": transport}
        arguments["clean_session"] = None if version == "5" else clean
        arguments["reconnect_on_failure"] = False
        if not IS_1:
            arguments["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
            arguments["manual_ack"] = options.pop("manual_ack", False)
        self.paho = mqtt.Client(**arguments)
        if transport == "websockets":
            self.paho.ws_set_options(path="/")
        self.paho.on_connect = lambda _c, _u, flags, reason, given=None: self.connacks.put((flags, reason, given))
        self.paho.on_message = lambda _c, _u, message: self.messages.put(message)
        self.paho.on_subscribe = lambda _c, _u, mid, reasons, _p=None: self.answer(mid, [code(r) for r in reasons])
        self.paho.on_publish = lambda _c, _u, mid, reason=0, _p=None: self.answer(mid, code(reason))
        # 1.x: reason, then properties in MQTT 5; 2.x: flags before the reason.
        self.paho.on_disconnect = lambda _c, _u, *rest: self.endings.put(code(rest[0] if IS_1 else rest[1]))
        self.paho.on_unsubscribe = self.on_unsubscribe

    def on_unsubscribe(self, _client, _data, mid, *rest):
        # 1.x: nothing before MQTT 5, else properties and one reason or several; 2.x: reasons, properties.
        reasons = (rest[1] if IS_1 else rest[0]) if rest else []
        self.answer(mid, [code(r) for r in (reasons if isinstance(reasons, list) else [reasons])])

    def answer(self, mid, value):
        with self.answered:
            self.answers[mid] = value
            self.answered.notify_all()

    def await_answer(self, mid):
        with self.answered:
            assert self.answered.wait_for(lambda: mid in self.answers, DEADLINE), "no acknowledgement came"
            return self.answers.pop(mid)

    def open(self, keepalive=60):
        """Connects, and returns whether the session was present. `self.given` has the broker's properties."""
        options = dict(self.options)
        if self.version == "5":
            options["clean_start"] = self.clean
        self.paho.connect(self.host, self.port, keepalive, **options)
        self.paho.loop_start()
        return self.await_connack()

    def await_connack(self):
        flags, reason, self.given = self.connacks.get(timeout=DEADLINE)
        assert code(reason) == 0, f"refused: {reason}"
        return bool(flags["session present"] if isinstance(flags, dict) else flags.session_present)

    def subscribe(self, topic, qos=2, **options):
        result, mid = self.paho.subscribe(topic, 0 if "options" in options else qos, **options)
        assert result == 0
        return self.await_answer(mid)

    def unsubscribe(self, topic):
        return self.await_answer(self.paho.unsubscribe(topic)[1])

    def publish(self, topic, payload, qos=1, retain=False, given=None):
        """Publishes, waits for the whole exchange, and returns its reason code (1.x does not tell: 0)."""
        return self.await_answer(self.paho.publish(topic, payload, qos, retain, given).mid)

    def message(self):
        return self.messages.get(timeout=DEADLINE)

    def payloads(self, count):
        return [self.message().payload.decode() for _ in range(count)]

    def hears_nothing(self):
        """By an exchange whose answer would come after it, since the broker answers in order."""
        self.unsubscribe("no/such/filter")
        assert self.messages.empty(), f"unexpected: {self.messages.get().payload}"

    def close(self, **options):
        self.paho.disconnect(**options)
        self.endings.get(timeout=DEADLINE)
        self.paho.loop_stop()

    def end(self):
        """However it stands with the connection."""
        with contextlib.suppress(OSError):
            self.paho.disconnect()
        self.paho.loop_stop()

    def lose(self):
        """Loses the connection without a word."""
        self.paho.loop_stop()
        self.paho.socket().close()

    def resume(self):
        """Connects the same client again, with what it has not had acknowledged."""
        self.paho.reconnect()
        self.paho.loop_start()
        return self.await_connack()
