"""Retained values and wills: what the broker has of them when it is back."""

import random

from account import ACKNOWLEDGED, LOST, RECEIVED, RETAINED, WILLS
from member import Gone, Member, pause, until
from paho_client import PahoClient

WINDOW = 8
# Wills without delay are published at recovery: soon after the broker answers.
WILL_DEADLINE_SECONDS = 5


class Values(Member):
    """Reads what is retained, and keeps up with it, for as long as it is connected."""

    def __init__(self, stage):
        self.stage = stage
        self.values = {}  # topic: payload
        self.has_all = False

    async def connect(self):
        self.has_all = False
        self.values.clear()
        self.client = PahoClient(self.stage.account, self.stage.ports, "inspector", "5", "tcp", persistent=False)
        self.client.on_message = self._take
        await self.client.connect()
        for topic_filter in ["inspector", "retained/#", "wills/#"]:
            await self.client.subscribe(topic_filter, 1)
        # What is retained comes before anything that is published after the subscription was made.
        self.client.publish("inspector", b"", 1)
        assert await until(lambda: self.has_all or not self.client.connected), "the inspector does not hear of itself"
        if not self.has_all:
            raise Gone

    def leave(self):
        self.client.disconnect()

    def _take(self, topic, payload, _retain):
        if topic == "inspector":
            self.has_all = True
        elif payload:
            self.values[topic] = payload
        else:
            self.values.pop(topic, None)


class RetainedPublisher(Member):
    """Publishes retained values of QoS 1 and clears them. A topic's value is the last acknowledged, or a later one."""

    def __init__(self, account, client):
        self.account = account
        self.client = client
        self.number = 0
        # Each topic's last acknowledged value and when that was, and those sent after it; no payload is no value.
        self.history = {f"retained/{client.name}/{level}": [(b"", None)] for level in range(5)}
        self.open = {}  # packet identifier: topic and payload
        client.on_acknowledged = self._acknowledged

    async def inspect(self, values):
        for topic, history in self.history.items():
            value = values.values.get(topic, b"")
            if value in [payload for payload, _ in history]:
                self.account.count(RETAINED, RECEIVED)
            else:
                payload, moment = history[0]
                when = f"acknowledged {self.account.tell(moment)}" if moment else "never published"
                what = f"{topic} has {value!r}; last {payload!r}, {when}; then {len(history) - 1} not acknowledged"
                self.account.fail(RETAINED, LOST, what)
                history[0] = (value, moment)

    async def arrive(self):
        await self.client.connect()

    async def load(self):
        while self.client.connected:
            if len(self.open) < WINDOW:
                self._publish(random.choice(list(self.history)))
            await pause(0.03)

    def _publish(self, topic):
        self.number += 1
        payload = b"" if random.random() < 0.25 else f"{topic} {self.number}".encode()
        self.history[topic].append((payload, None))
        mid = self.client.publish(topic, payload, 1, retain=True)
        self.open[mid] = topic

    def _acknowledged(self, mid):
        # A topic's values are acknowledged in the order in which they were sent.
        history = self.history[self.open.pop(mid)]
        del history[0]
        history[0] = (history[0][0], self.account.moment())
        self.account.count(RETAINED, ACKNOWLEDGED)


class Mortal(Member):
    """Leaves a retained will, a new one at each connection; it dies with the broker."""

    def __init__(self, stage, name, version, wire):
        self.stage = stage
        self.account = stage.account
        self.terms = (name, version, wire)
        self.topic = f"wills/{name}"
        self.number = 0
        self.possible = [b""]  # what the topic may have, in order; one, when it is known which
        self.acknowledged = None

    async def inspect(self, values):
        is_there = lambda: values.values.get(self.topic, b"") in self.possible
        await until(lambda: is_there() or not values.is_connected(), WILL_DEADLINE_SECONDS)
        value = values.values.get(self.topic, b"")
        if is_there():
            self.account.count(WILLS, RECEIVED)
        elif not values.is_connected():
            raise Gone
        else:
            when = self.account.tell(self.acknowledged) if self.acknowledged else "never"
            what = f"{self.topic} has {value!r}, and should have {self.possible!r}: CONNACK {when}"
            self.account.fail(WILLS, LOST, what)
            self.possible = [value]

    async def arrive(self):
        self.number += 1
        will = f"{self.topic} {self.number}".encode()
        has_session = self.client is not None and self.client.has_session
        self.client = PahoClient(self.account, self.stage.ports, *self.terms, will=(self.topic, will))
        self.client.has_session = has_session
        self.client.on_connected = lambda: self._has_connected(will)
        self.possible.append(will)
        await self.client.connect()

    def _has_connected(self, will):
        self.possible = [will]
        self.acknowledged = self.account.moment()
        self.account.count(WILLS, ACKNOWLEDGED)


def make_members(stage):
    for version, wire in [("3.1.1", "ws"), ("5", "tcp")]:
        client = PahoClient(stage.account, stage.ports, f"keeper-{version}", version, wire)
        yield RetainedPublisher(stage.account, client)
        yield Mortal(stage, f"mortal-{version}", version, wire)
