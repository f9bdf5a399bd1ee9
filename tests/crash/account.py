"""The account: what was acknowledged and checked, and every promise that was not kept."""

import time
from collections import Counter

# The rows of the table.
QOS_1 = "MQTT QoS 1"
QOS_2 = "MQTT QoS 2"
DURABLE = "STOMP durable"
RETAINED = "retained"
WILLS = "wills"
SESSIONS = "sessions"
SUBSCRIPTIONS = "subscriptions"
QUEUES = "STOMP queues"
TRANSACTIONS = "transactions"
ROWS = [QOS_1, QOS_2, DURABLE, RETAINED, WILLS, SESSIONS, SUBSCRIPTIONS, QUEUES, TRANSACTIONS]

# Its columns: what there was of each, and what was wrong.
ACKNOWLEDGED = "acknowledged"
RECEIVED = "received"
LOST = "lost"
TWICE = "twice"
ORDER = "order"
WRONG = "wrong"
FAILURES = (LOST, TWICE, ORDER, WRONG)

# How many failures of a row and column are told in full.
TOLD_MAX = 5
# A kill is told of at once, but its victims are many.
NOTICED_EARLIER_SECONDS = 1


class Account:
    """Everybody writes into it; the test reads it at the end."""

    def __init__(self):
        self.kills = 0  # connections that were cut all at once count as well
        self.kill_times = []
        self.ends = []
        self.rows = {row: Counter() for row in ROWS}
        self.failures = []
        self.notes = Counter()

    def moment(self):
        """Now, as `tell` understands it."""
        return self.kills, time.monotonic()

    def tell(self, moment):
        kills, at = moment
        if kills < len(self.kill_times):
            return f"{self.kill_times[kills] - at:.3f} s before kill {kills + 1}"
        return f"after kill {kills}"

    def has_ended(self, name):
        """A connection has ended, and not by its client's will."""
        self.ends.append((name, time.monotonic()))

    def has_been_killed(self):
        """Only the kill may have ended connections; they may have noticed a little earlier than it is told here."""
        for name, at in self.ends:
            if at < time.monotonic() - NOTICED_EARLIER_SECONDS:
                self.fail(SESSIONS, WRONG, f"the connection of {name} ended before kill {self.kills + 1}")
        self.kill_times.append(time.monotonic())
        self.kills += 1

    def count(self, row, column):
        self.rows[row][column] += 1

    def fail(self, row, column, what):
        """`what` is wrong: it names the message, its publisher, and when it was acknowledged."""
        self.rows[row][column] += 1
        if self.rows[row][column] <= TOLD_MAX:
            self.failures.append(f"{row}, {column} (seen after kill {self.kills}): {what}")

    def note(self, what):
        """Something to report that breaks no promise."""
        self.notes[what] += 1

    def progress(self):
        """Another number when anything has happened."""
        return sum(counts.total() for counts in self.rows.values()) + self.notes.total()

    def report(self):
        rows = [{"name": row, **{column: counts[column] for column in COLUMNS}} for row, counts in self.rows.items()]
        return {"kills": self.kills, "rows": rows, "failures": self.failures, "notes": dict(self.notes)}


COLUMNS = (ACKNOWLEDGED, RECEIVED, *FAILURES)
