"""Publishers and subscribers of topics, of both protocols: at least once and exactly once."""

import random

from paho.mqtt.client import topic_matches_sub

from account import DURABLE, QOS_1, QOS_2
from ledger import Received
from member import Member, pause
from paho_client import PahoClient
from stomppy_client import StompClient

# Messages of one publisher that may be unacknowledged.
WINDOW = 12
# The longest pause between two bursts of one publisher, and how large a burst may be.
PAUSE_SECONDS = 0.06
BURST_MAX = 6


class Publisher(Member):
    """What MQTT and STOMP publishers share: bursts of messages, and a window for what is not acknowledged."""

    def __init__(self, client, sent):
        self.client = client
        self.sent = sent

    async def arrive(self):
        await self.client.connect()

    async def load(self):
        while self.client.connected:
            for _ in range(random.randint(1, BURST_MAX)):
                if len(self.sent.open) < WINDOW:
                    self.publish(self.sent.send())
            await pause(PAUSE_SECONDS)

    def publish(self, number):
        raise NotImplementedError


class MqttPublisher(Publisher):
    """QoS 1 or 2. Its client sends again what is open."""

    def __init__(self, client, sent, qos):
        super().__init__(client, sent)
        self.qos = qos
        self.numbers = {}  # of what is open, by packet identifier
        client.on_connected = sent.send_again
        client.on_acknowledged = lambda mid: sent.acknowledge(self.numbers.pop(mid))

    def publish(self, number):
        mid = self.client.publish(self.sent.topic(number), self.sent.payload(number), self.qos)
        self.numbers[mid] = number

    def owes(self):
        return bool(self.sent.open)


class StompPublisher(Publisher):
    """SEND with a receipt. What had no receipt when the connection ended is left as it is."""

    def __init__(self, client, sent):
        super().__init__(client, sent)
        client.on_ended = sent.open.clear

    def publish(self, number):
        headers = {"destination": f"/topic/{self.sent.topic(number)}"}
        receipt = lambda: self.sent.acknowledge(number)
        self.client.send("SEND", headers, self.sent.payload(number), receipt)


class Subscriber(Member):
    """What MQTT and STOMP subscribers share. Some are there in few rounds only, or between the first and the
    last in none, and much waits for them."""

    def __init__(self, client, received, presence):
        self.client = client
        self.received = received
        self.presence = presence

    def owes(self):
        return next(self.received.owed(), None) is not None

    def settle(self):
        self.received.settle()


class MqttSubscriber(Subscriber):
    def __init__(self, client, received, presence, topic_filter, qos):
        super().__init__(client, received, presence)
        self.filter = topic_filter
        self.qos = qos
        client.on_connected = received.has_connected
        client.on_message = lambda topic, payload, _retain: received.take(topic, payload)

    async def arrive(self):
        if not await self.client.connect():
            await self.client.subscribe(self.filter, self.qos)


class StompSubscriber(Subscriber):
    """A durable subscription. It acknowledges each message, since what is merely sent counts as consumed otherwise."""

    def __init__(self, client, received, presence, topic_filter):
        super().__init__(client, received, presence)
        self.filter = topic_filter
        client.on_message = self._take

    async def arrive(self):
        await self.client.connect()
        self.received.has_connected()
        await self.client.subscribe(f"/topic/{self.filter}", durable="true", ack="client-individual")

    def _take(self, frame):
        self.received.take(frame.headers["destination"].removeprefix("/topic/"), frame.body)
        if self.client.connected:
            self.client.send("ACK", {"id": frame.headers["ack"]})


def make_members(stage):
    """Four publishers and six subscribers of QoS 1, four and three of QoS 2, two and three of STOMP."""
    wires = [("3.1.1", "tcp"), ("3.1.1", "ws"), ("5", "tcp"), ("5", "ws")]
    for version, wire in wires:
        for row, qos, root in [(QOS_1, 1, "least"), (QOS_2, 2, "exactly")]:
            name = f"q{qos}-{version}-{wire}"
            sent = stage.ledger.publisher(row, name, [f"{root}/{name}/{level}" for level in range(3)])
            client = PahoClient(stage.account, stage.ports, f"publisher-{name}", version, wire)
            yield MqttPublisher(client, sent, qos)
    for wire in ["tcp", "ws"]:
        sent = stage.ledger.publisher(DURABLE, f"stomp-{wire}", [f"least/stomp-{wire}/{level}" for level in range(3)])
        yield StompPublisher(StompClient(stage.account, stage.ports, f"sender-{wire}", wire), sent)

    subscribers = [
        (QOS_1, 0, 1.0, "least/#"),
        (QOS_1, 1, 1.0, "least/+/0"),
        (QOS_1, 2, 1.0, "least/+/1"),
        (QOS_1, 3, 1.0, "least/q1-5-tcp/#"),
        (QOS_1, 0, 0.3, "least/+/2"),
        (QOS_1, 3, 0.3, "least/#"),
        (QOS_2, 1, 1.0, "exactly/+/0"),
        (QOS_2, 2, 1.0, "exactly/#"),
        (QOS_2, 3, 0.3, "exactly/+/1"),
    ]
    for index, (row, wire, presence, topic_filter) in enumerate(subscribers):
        client = PahoClient(stage.account, stage.ports, f"subscriber-{index}", *wires[wire])
        received = Received(stage.ledger, row, client.name, wants(topic_filter))
        yield MqttSubscriber(client, received, presence, topic_filter, qos=2 if row == QOS_2 else 1)
    durables = [("tcp", 1.0, "least/#"), ("ws", 0.3, "least/+/0"), ("tcp", 0.0, "least/+/1")]
    for index, (wire, presence, topic_filter) in enumerate(durables):
        name = f"durable-{index}"
        client = StompClient(stage.account, stage.ports, name, wire, client_id=name)
        received = Received(stage.ledger, DURABLE, name, wants(topic_filter))
        yield StompSubscriber(client, received, presence, topic_filter)


def wants(topic_filter):
    return lambda topic: topic_matches_sub(topic_filter, topic)
