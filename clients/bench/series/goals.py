"""What Tidewire is to reach, and whether it does."""

from dataclasses import dataclass
from typing import Callable

from scenarios import KINDS

OURS, THEIRS = "tidewire", "mosquitto"
CPU, RATE, CORES = "broker_cpu_us_per_message", "messages_per_s", "broker_cores"


@dataclass(frozen=True)
class Goal:
    text: str
    # None: it stands there for comparison, so that a goal is not read for more than it says.
    limit: float | None
    # The measured figure, or None where a run is missing.
    measure: Callable
    at_least: bool = False
    # How a figure is written; inverse where that is one divided by it.
    form: str = "{:.3g}"
    inverse: bool = False

    def row(self, runs):
        value, best = self.value(runs), self.value(Best(runs))
        cells = [self.text, "", "not measured" if value is None else self.form.format(value),
                 "" if best is None else self.form.format(best), ""]
        if self.limit is not None:
            cells[1] = ("≥ " if self.at_least != self.inverse else "≤ ") + self.form.format(self.limit)
            if value is not None:
                cells[4] = "yes" if self.is_met(value) else "**no**"
        return f"| {' | '.join(cells)} |"

    def value(self, runs):
        try:
            return self.measure(runs)
        except (TypeError, ValueError, ZeroDivisionError):
            # A median that is not there is None, a line without runs is empty.
            return None

    def is_met(self, value):
        return value >= self.limit if self.at_least else value <= self.limit


class Best:
    """The same runs, with the best of the rounds in place of their median."""

    def __init__(self, runs):
        self.kept = runs.kept

    def median(self, load, broker, figure):
        values = [run["figures"][figure] for run in self.kept.get((load, broker), []) if run["figures"].get(figure) is not None]
        return (max if figure == RATE else min)(values, default=None)


def table(runs):
    head = ["| | goal | medians | best of each | met |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(goal.row(runs) for goal in GOALS)])


def cheaper(load):
    """How many times our CPU goes into theirs."""
    return lambda runs: runs.median(load, THEIRS, CPU) / runs.median(load, OURS, CPU)


def faster(load):
    return lambda runs: runs.median(load, OURS, RATE) / runs.median(load, THEIRS, RATE)


def share(load, figure):
    """Ours in parts of theirs."""
    return lambda runs: runs.median(load, OURS, figure) / runs.median(load, THEIRS, figure)


def ours(load, figure):
    return lambda runs: runs.median(load, OURS, figure)


def beside(load, other, figure):
    """Ours at one load in parts of ours at another."""
    return lambda runs: runs.median(load, OURS, figure) / runs.median(other, OURS, figure)


def along(line):
    """The dearest message of a line of loads in parts of the cheapest."""
    def measure(runs):
        costs = [runs.median(load, OURS, CPU) for load in on_line(runs, line)]
        return max(costs) / min(costs) if len(costs) > 1 else None
    return measure


def along_all_kinds(runs):
    spreads = [along(f"subscriptions-{kind}")(runs) for kind in KINDS]
    return max(spreads)


def bytes_per_subscription(runs):
    """Of the kind that takes most, where there are most of them: the process's own memory counts least there."""
    most = [max(on_line(runs, f"subscriptions-{kind}"), key=lambda load: int(load.rsplit("-", 1)[1])) for kind in KINDS]
    return max(1024 * runs.median(load, OURS, "broker_resident_kib_per_subscription") for load in most)


def on_line(runs, line):
    return [load for load, broker in runs.kept if broker == OURS and load.rsplit("-", 1)[0] == line]


def relative_cpu(text, limit, load):
    return Goal(f"broker CPU per message, {text}, in parts of {THEIRS}'s", limit, cheaper(load), True, "1/{:.3g}", inverse=True)


GOALS = [
    relative_cpu("10 pairs, QoS 0", 16, "pairs-0"),
    relative_cpu("QoS 1", 26, "pairs-1"),
    relative_cpu("QoS 2", 20, "pairs-2"),
    relative_cpu("1 KiB", 8, "pairs-1k"),
    relative_cpu("fan-out to 500", 10, "fanout"),
    relative_cpu("QoS 0, tcp", 25, "tcp-0"),
    relative_cpu("QoS 1, tcp", 35, "tcp-1"),
    Goal(f"messages/s, 100,000 filters, in parts of {THEIRS}'s", 8, faster("wildcard"), True),
    Goal(f"the same with one publisher, in parts of {THEIRS}'s", None, faster("wildcard-one"), True),
    Goal(f"messages/s, 100,000 retained messages, in parts of {THEIRS}'s", 10, faster("retained"), True),
    Goal(f"messages/s, drain of a backlog, in parts of {THEIRS}'s", 10, faster("drain"), True),
    Goal(f"the same over tcp, in parts of {THEIRS}'s", None, faster("drain-tcp"), True),
    Goal(f"10,000 messages/s: p99 in parts of {THEIRS}'s", 1, share("fixed", "delivered_p99_ms")),
    Goal(f"10,000 messages/s: CPU in parts of {THEIRS}'s", 1, share("fixed", CORES)),
    Goal(f"fan-out to 500 at 20/s: p99 in parts of {THEIRS}'s", 1, share("fanout-20", "delivered_p99_ms")),
    Goal(f"fan-out to 500 at 20/s: CPU in parts of {THEIRS}'s", 1, share("fanout-20", CORES)),
    Goal("memory of an idle connection, KiB", 3, ours("idle", "broker_resident_kib_per_connection")),
    Goal("CPU of a connection, µs", 34, ours("idle", "broker_cpu_us_per_connection")),
    Goal("CPU of a client that comes and goes, µs", 65, ours("churn", "broker_cpu_us_per_loop")),
    Goal(f"the same in parts of {THEIRS}'s", None, share("churn", "broker_cpu_us_per_loop")),
    Goal("STOMP's CPU per message in parts of MQTT's, 10 pairs", 1.3, beside("stomp-pairs", "pairs-0", CPU)),
    Goal("the same in parts of MQTT's, each packet a WebSocket message", None, beside("stomp-pairs", "pairs-0-single", CPU)),
    Goal("the same in parts of MQTT's at QoS 1", None, beside("stomp-pairs", "pairs-1", CPU)),
    Goal("STOMP's CPU per message in parts of MQTT's, fan-out", 1.3, beside("stomp-fanout", "fanout", CPU)),
    Goal("messages/s over wss in parts of ws", 0.6, beside("wss-0", "pairs-0", RATE), True),
    Goal("CPU per message, dearest in parts of cheapest, over the numbers of subscriptions", 1.5, along_all_kinds),
    Goal("CPU per message, dearest in parts of cheapest, over the numbers of connections", 1.5, along("connections")),
    Goal("memory of a subscription, bytes", 400, bytes_per_subscription),
]
