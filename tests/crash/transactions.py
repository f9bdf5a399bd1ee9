"""Transactions: a worker takes a job and, in one transaction, sends its results and acknowledges it. All or nothing.

Every job has the results of exactly one transaction in the end, and all of them.
"""

import itertools
import random

from account import TRANSACTIONS, TWICE, WRONG
from member import Member, pause
from queues import Consumer, Jobs, Producer, Settler
from stomppy_client import StompClient

JOBS = "/queue/jobs"
RESULTS = "/queue/results"
RESULTS_PER_JOB = 4


class Worker(Member):
    """Works on one job at a time, in one transaction each; some it gives up."""

    works_to_the_end = True

    def __init__(self, client, jobs, results):
        self.client = client
        self.jobs = jobs
        self.results = results
        self.held = []
        self.numbers = itertools.count(1)
        self.is_last_round = False
        client.on_message = self._take
        client.on_ended = self.held.clear

    async def arrive(self):
        await self.client.connect()
        await self.client.subscribe(JOBS, ack="client-individual", **{"prefetch-count": 4})

    async def load(self):
        while self.client.connected:
            while self.held:
                await self._work(*self.held.pop())
            await pause(0.02)

    def last_round(self):
        self.is_last_round = True

    def owes(self):
        return any(self.jobs.owed())

    async def _work(self, job, ack):
        transaction = f"{self.client.name}-{next(self.numbers)}"
        terms = {"transaction": transaction}
        names = [f"{job.name}/{transaction}/{index}" for index in range(RESULTS_PER_JOB)]
        self.client.send("BEGIN", terms)
        for name in names:
            self.results.send(name)
            self.client.send("SEND", {"destination": RESULTS, **terms}, name.encode())
            if random.random() < 0.2:
                await pause(0.02)
        self.client.send("ACK", {"id": ack, **terms})
        if random.random() < 0.15 and not self.is_last_round:
            self.client.send("ABORT", terms)
            self.client.send("NACK", {"id": ack}, receipt=lambda: None)
        else:
            job.ack_sent = True
            self.client.send("COMMIT", terms, receipt=lambda: self._committed(job, names))

    def _take(self, frame):
        job = self.jobs.deliver(frame.body.decode(), frame.headers)
        if job is not None:
            self.held.append((job, frame.headers["ack"]))

    def _committed(self, job, names):
        self.jobs.acknowledge(job)
        for name in names:
            self.results.accept(name)


class Auditor(Member):
    """Judges, when all is over, what came of each transaction."""

    def __init__(self, account, jobs, results):
        self.account = account
        self.jobs = jobs
        self.results = results

    def settle(self):
        came = {}  # job: transaction: how many of its results
        for result in self.results.jobs.values():
            job, transaction, _ = result.name.split("/")
            if result.deliveries:
                counts = came.setdefault(job, {})
                counts[transaction] = counts.get(transaction, 0) + 1
        for name, counts in came.items():
            told = f"{self.jobs.tell(self.jobs.jobs[name])}: results of its transactions {counts}"
            if any(count != RESULTS_PER_JOB for count in counts.values()):
                self.account.fail(TRANSACTIONS, WRONG, f"{told}, of {RESULTS_PER_JOB} each")
            if len(counts) > 1:
                self.account.fail(TRANSACTIONS, TWICE, f"{told}: more than one took effect")


def make_members(stage):
    jobs = Jobs(stage.account, TRANSACTIONS)
    results = Jobs(stage.account, TRANSACTIONS)
    yield Producer(StompClient(stage.account, stage.ports, "principal", "tcp"), jobs, [JOBS])
    for wire in ["tcp", "ws"]:
        yield Worker(StompClient(stage.account, stage.ports, f"worker-{wire}", wire), jobs, results)
    yield Consumer(StompClient(stage.account, stage.ports, "collector", "ws"), results, [RESULTS])
    yield Settler(jobs)
    yield Settler(results)
    yield Auditor(stage.account, jobs, results)
