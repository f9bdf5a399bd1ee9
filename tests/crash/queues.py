"""Work queues: a message whose SEND has its receipt is delivered until its ACK has one, and never after that."""

import random

from account import ACKNOWLEDGED, LOST, QUEUES, RECEIVED, TWICE, WRONG
from member import Member, pause
from stomppy_client import StompClient

QUEUE_NAMES = ["/queue/work-1", "/queue/work-2"]
WINDOW = 12
PREFETCH = 20


class Job:
    """What is known of one message of a queue."""

    __slots__ = ("name", "accepted", "deliveries", "ack_sent", "acknowledged")

    def __init__(self, name):
        self.name = name
        self.accepted = None  # when its SEND's receipt came
        self.deliveries = 0
        self.ack_sent = False  # since its last delivery
        self.acknowledged = None  # when its ACK's receipt came


class Jobs:
    """The messages of some queues, by their bodies."""

    def __init__(self, account, row):
        self.account = account
        self.row = row
        self.jobs = {}

    def send(self, name):
        self.jobs[name] = Job(name)

    def accept(self, name):
        self.jobs[name].accepted = self.account.moment()
        self.account.count(self.row, ACKNOWLEDGED)

    def deliver(self, name, headers):
        """The job that has come, or None."""
        job = self.jobs.get(name)
        if job is None:
            self.account.fail(self.row, WRONG, f"{name!r} came, which nobody has sent")
            return None
        if job.acknowledged:
            self.account.fail(self.row, TWICE, f"{self.tell(job)}, came again")
        elif job.deliveries > 0:
            self.account.note(f"{self.row}: delivered again")
            if headers.get("redelivered") != "true":
                self.account.note(f"{self.row}: delivered again without redelivered:true")
        else:
            self.account.count(self.row, RECEIVED)
        job.deliveries += 1
        job.ack_sent = False
        return job

    def acknowledge(self, job):
        """The receipt of its ACK, or of the COMMIT of its transaction, has come."""
        job.acknowledged = self.account.moment()

    def tell(self, job):
        said = [f"message {job.name}"]
        if job.accepted:
            said.append(f"its SEND acknowledged {self.account.tell(job.accepted)}")
        if job.acknowledged:
            said.append(f"its ACK acknowledged {self.account.tell(job.acknowledged)}")
        return f"{', '.join(said)}, delivered {job.deliveries} times"

    def owed(self):
        """What must come (again). One whose SEND was never acknowledged may have gone with the broker, though it came."""
        return (job for job in self.jobs.values() if job.accepted and not job.ack_sent)

    def settle(self):
        for job in self.owed():
            self.account.fail(self.row, LOST, f"{self.tell(job)}, did not come{' again' if job.deliveries else ''}")


class Producer(Member):
    """SEND with receipts. What had none when the connection ended may be in the queue or not."""

    def __init__(self, client, jobs, destinations):
        self.client = client
        self.jobs = jobs
        self.destinations = destinations
        self.number = 0
        self.open = 0
        client.on_ended = self._has_ended

    async def arrive(self):
        await self.client.connect()

    async def load(self):
        while self.client.connected:
            if self.open < WINDOW:
                self._send()
            await pause(0.02)

    def _send(self):
        self.number += 1
        name = f"{self.client.name}-{self.number}"
        self.jobs.send(name)
        self.open += 1
        headers = {"destination": random.choice(self.destinations)}
        self.client.send("SEND", headers, name.encode(), receipt=lambda: self._accepted(name))

    def _accepted(self, name):
        self.open -= 1
        self.jobs.accept(name)

    def _has_ended(self):
        self.open = 0


class Consumer(Member):
    """Takes messages with ack:client-individual, and gives each an ACK or a NACK sooner or later."""

    works_to_the_end = True

    def __init__(self, client, jobs, destinations):
        self.client = client
        self.jobs = jobs
        self.destinations = destinations
        self.held = []  # jobs, and the ack headers of their deliveries
        self.is_last_round = False
        client.on_message = self._take
        client.on_ended = self._has_ended

    async def arrive(self):
        await self.client.connect()
        for destination in self.destinations:
            headers = {"ack": "client-individual", "prefetch-count": PREFETCH}
            await self.client.subscribe(destination, **headers)

    async def load(self):
        while self.client.connected:
            # Some are kept for long, so that there are always some that a kill takes away.
            for delivery in list(self.held):
                if random.random() < 0.3 or self.is_last_round:
                    self.held.remove(delivery)
                    self._answer(*delivery)
            await pause(0.05)

    def last_round(self):
        self.is_last_round = True

    def owes(self):
        return any(self.jobs.owed())

    def _take(self, frame):
        job = self.jobs.deliver(frame.body.decode(), frame.headers)
        if job is not None:
            self.held.append((job, frame.headers["ack"]))

    def _answer(self, job, ack):
        if random.random() < 0.15 and not self.is_last_round:
            self.client.send("NACK", {"id": ack}, receipt=lambda: None)
        else:
            job.ack_sent = True
            self.client.send("ACK", {"id": ack}, receipt=lambda: self.jobs.acknowledge(job))

    def _has_ended(self):
        self.held.clear()


class Settler(Member):
    """Settles jobs once, for all who share them."""

    def __init__(self, jobs):
        self.jobs = jobs

    def settle(self):
        self.jobs.settle()


def make_members(stage):
    jobs = Jobs(stage.account, QUEUES)
    for wire in ["tcp", "ws"]:
        client = StompClient(stage.account, stage.ports, f"producer-{wire}", wire)
        yield Producer(client, jobs, QUEUE_NAMES)
    for index, wire in enumerate(["tcp", "ws", "tcp"]):
        client = StompClient(stage.account, stage.ports, f"consumer-{index}", wire)
        yield Consumer(client, jobs, QUEUE_NAMES)
    yield Settler(jobs)
