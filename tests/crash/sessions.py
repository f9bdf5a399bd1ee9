"""Subscriptions that come and go, and sessions that are made while the broker may die."""

import random

from account import ACKNOWLEDGED, LOST, RECEIVED, SUBSCRIPTIONS, WRONG
from member import DEADLINE_SECONDS, Gone, Member, pause, until
from paho_client import PahoClient

FILTERS = 12


class Fickle(Member):
    """Subscribes and unsubscribes without end. After each kill a message to each of its topics shows which is which."""

    def __init__(self, stage, client):
        self.stage = stage
        self.account = stage.account
        self.client = client
        # Whether each is subscribed (None: that was asked for and not acknowledged), and since when.
        self.topics = {f"fickle/{client.name}/{level}": (False, None) for level in range(FILTERS)}
        self.probes = {}  # payload: the same, as it was when that was published
        self.missing = set()
        client.on_message = self._take

    async def arrive(self):
        await self.client.connect()

    async def verify(self):
        """Publishes to every topic. That may come at any time later, and must come before the deadline if it must."""
        prober = PahoClient(self.account, self.stage.ports, f"prober-{self.client.name}", "5", "ws", persistent=False)
        try:
            await prober.connect()
            self.missing.clear()
            for topic, state in self.topics.items():
                payload = f"{topic} {self.account.kills}".encode()
                self.probes[payload] = state
                if state[0]:
                    self.missing.add(payload)
                await prober.published(topic, payload, 1)
            await until(lambda: not self.missing or not self.client.connected, DEADLINE_SECONDS / 4)
            if not self.client.connected:
                raise Gone
        finally:
            prober.cut()
        for payload in self.missing:
            when = self.account.tell(self.probes[payload][1])
            what = f"{self.client.name} did not get {payload.decode()!r}, subscribed {when}"
            self.account.fail(SUBSCRIPTIONS, LOST, what)
            self.topics[payload.decode().split(" ")[0]] = (None, None)

    async def load(self):
        while self.client.connected:
            topic = random.choice(list(self.topics))
            is_subscribed = self.topics[topic][0]
            self.topics[topic] = (None, None)
            if is_subscribed:
                await self.client.unsubscribe(topic)
            else:
                await self.client.subscribe(topic, 1)
            self.topics[topic] = (not is_subscribed, self.account.moment())
            self.account.count(SUBSCRIPTIONS, ACKNOWLEDGED)
            await pause(0.03)

    def _take(self, topic, payload, _retain):
        is_subscribed, moment = self.probes[payload]
        if is_subscribed is False:
            since = f"unsubscribed {self.account.tell(moment)}" if moment else "never subscribed"
            self.account.fail(SUBSCRIPTIONS, WRONG, f"{self.client.name} got {payload.decode()!r}, {since}")
        elif payload in self.missing:
            self.missing.discard(payload)
            self.account.count(SUBSCRIPTIONS, RECEIVED)


class Newcomers(Member):
    """New sessions all the time; each is visited once more after the next kill, and must be there."""

    def __init__(self, stage):
        self.stage = stage
        self.number = 0
        self.clients = []

    async def verify(self):
        for client in list(self.clients):
            await client.connect()
            client.disconnect()
            self.clients.remove(client)

    async def load(self):
        while True:
            self.number += 1
            version, wire = random.choice(["3.1.1", "5"]), random.choice(["tcp", "ws"])
            client = PahoClient(self.stage.account, self.stage.ports, f"newcomer-{self.number}", version, wire)
            self.clients.append(client)
            await client.connect()
            if random.random() < 0.5:
                client.disconnect()
            await pause(0.3)

    def is_connected(self):
        return any(client.is_connected() for client in self.clients)

    def cut(self):
        for client in self.clients:
            client.cut()


def make_members(stage):
    for version, wire in [("3.1.1", "tcp"), ("5", "ws")]:
        client = PahoClient(stage.account, stage.ports, f"fickle-{version}", version, wire)
        yield Fickle(stage, client)
    yield Newcomers(stage)
