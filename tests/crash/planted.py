"""Breaches that are planted in the bookkeeping, to show that each is found, and that what is allowed is not.

Run as a program it says nothing and ends with 0, or shows which was missed.
"""

from types import SimpleNamespace

from account import DURABLE, LOST, ORDER, QOS_1, QOS_2, QUEUES, SUBSCRIPTIONS, TRANSACTIONS, TWICE, WRONG, Account
from ledger import Ledger, Received
from queues import Jobs
from sessions import Fickle
from transactions import RESULTS_PER_JOB, Auditor


class Topics:
    """A publisher of two topics, who has sent six messages, and a subscriber."""

    def __init__(self, row):
        self.account = Account()
        ledger = Ledger(self.account)
        self.sent = ledger.publisher(row, "alice", ["a", "b"])
        self.received = Received(ledger, row, "bob", lambda topic: topic in "ab")
        self.row = row
        for _ in range(6):
            self.sent.send()

    def take(self, *numbers):
        for number in numbers:
            self.received.take(self.sent.topic(number), self.sent.payload(number))
        return self

    def holds(self, *columns):
        self.received.settle()
        found(self.account, self.row, columns)


def found(account, row, columns):
    failed = {column for column in (LOST, TWICE, ORDER, WRONG) if account.rows[row][column]}
    assert failed == set(columns), (columns, failed, account.failures)
    account.report()


def topics():
    for row in [QOS_1, QOS_2, DURABLE]:
        Topics(row).take(0, 1, 2, 3, 4, 5).holds()
        Topics(row).take(1, 0, 3, 2).holds()  # the order of each topic alone is promised
        Topics(row).take(2, 0).holds(ORDER)
        Topics(row).take(0, 0).holds(TWICE)
        lost = Topics(row)
        lost.sent.acknowledge(3)
        lost.take(0, 1, 2).holds(LOST)
        foreign = Topics(row)
        foreign.received.take("a", b"alice 0 something else")
        foreign.received.take("b", foreign.sent.payload(0))
        foreign.holds(WRONG)
        unsent = Topics(row)
        unsent.received.take("a", unsent.sent.payload(6))
        unsent.holds(WRONG)
        again = Topics(row).take(0, 1)
        again.received.has_connected()
        again.take(0, 1).holds(*[TWICE] if row == QOS_2 else [])
        resent = Topics(row)
        resent.sent.send_again()
        resent.take(0, 0).holds(*[TWICE] if row == QOS_2 else [])
        resent.take(0).holds(TWICE)


def queues():
    for breach, columns in [("none", []), ("lost", [LOST]), ("returned", [TWICE]), ("unknown", [WRONG])]:
        account = Account()
        jobs = Jobs(account, QUEUES)
        for name in ["first", "second"]:
            jobs.send(name)
            jobs.accept(name)
            for _ in range(2):  # a NACK, or a kill, brings it back
                job = jobs.deliver(name, {})
            if breach == "lost":
                continue
            job.ack_sent = True
            jobs.acknowledge(job)
        if breach == "returned":
            jobs.deliver("first", {"redelivered": "true"}).ack_sent = True
        if breach == "unknown":
            jobs.deliver("third", {})
        jobs.settle()
        found(account, QUEUES, columns)
        assert account.notes[f"{QUEUES}: delivered again without redelivered:true"] == 2


def transactions():
    whole = range(RESULTS_PER_JOB)
    for effects, columns in [
        ({"one": whole}, []),
        ({"one": whole[1:]}, [WRONG]),
        ({"one": whole, "two": whole}, [TWICE]),
        ({"one": whole, "two": whole[:1]}, [WRONG, TWICE]),
    ]:
        account = Account()
        jobs, results = Jobs(account, TRANSACTIONS), Jobs(account, TRANSACTIONS)
        jobs.send("job")
        for transaction in ["one", "two", "aborted"]:
            for index in whole:
                results.send(f"job/{transaction}/{index}")
        for transaction, indices in effects.items():
            for index in indices:
                results.deliver(f"job/{transaction}/{index}", {})
        Auditor(account, jobs, results).settle()
        found(account, TRANSACTIONS, columns)


def subscriptions():
    for state, columns in [(True, []), (None, []), (False, [WRONG])]:
        account = Account()
        fickle = Fickle(SimpleNamespace(account=account), SimpleNamespace(name="carol"))
        fickle.probes[b"topic 1"] = (state, account.moment())
        fickle.client.on_message("topic", b"topic 1", False)
        found(account, SUBSCRIPTIONS, columns)


topics()
queues()
transactions()
subscriptions()
