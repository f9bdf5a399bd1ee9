"""The results file: of each round the attempt that was disturbed least, and medians of the rounds."""

import json
import math
import statistics
import sys
from collections import defaultdict

# Of all rounds, how many must have been too much for a broker before the load counts as such.
FULL_SHARE = 0.5
# Of all messages, how many may be lost: what loses more is no figure of how fast a broker is.
LOST_SHARE_MAX = 0.01
# A broker that delivers less of what it is asked for, and late, has more than it can do. Less alone may be the end of a
# run, for which mosquitto's WebSockets take a tenth of a second.
KEPT_UP = 0.95
LATE_MS = 100


class Runs:
    def __init__(self, file):
        lines = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
        lines = [line | lossy(line["figures"]) if "figures" in line else line for line in lines]
        self.measured = [line for line in lines if "figures" in line and "failed" not in line]
        if not self.measured:
            sys.exit(f"series: {file} holds no run")
        if len({line["quick"] for line in self.measured}) > 1:
            sys.exit(f"series: {file} holds runs of --quick and others")
        self.quick = self.measured[0]["quick"]
        self.cannot = {(line["load"], line["broker"]): line["cannot"] for line in lines if "cannot" in line}
        self.failed = {(line["load"], line["broker"]): line["failed"] for line in lines if "failed" in line}
        # By load and broker: one run of each round.
        self.kept = defaultdict(list)
        for runs in rounds(self.measured).values():
            best = min(runs, key=lambda line: line["others_cores"])
            self.kept[best["load"], best["broker"]].append(best)

    def median(self, load, broker, figure):
        values = [run["figures"][figure] for run in self.kept.get((load, broker), []) if run["figures"].get(figure) is not None]
        return statistics.median(values) if values else None

    def total(self, load, broker, figure):
        return sum(run["figures"].get(figure) or 0 for run in self.kept.get((load, broker), []))

    def is_full(self, load, broker):
        runs = self.kept.get((load, broker), [])
        return bool(runs) and sum(is_overload(run["figures"]) for run in runs) > FULL_SHARE * len(runs)

    def brokers(self, load):
        """Those of its brokers that have figures."""
        return [broker for broker in load.brokers if self.kept.get((load.name, broker))]

    def versions(self):
        versions = {line["broker"]: line["version"] for line in self.measured}
        return [versions[broker] for broker in versions if not broker.startswith("tidewire-")]

    def machines(self):
        return sorted({line["machine"] for line in self.measured})

    def days(self):
        return sorted({line["date"][:10] for line in self.measured})

    def round_counts(self):
        counts = [len(runs) for runs in self.kept.values()]
        return min(counts), max(counts)

    def disturbed(self):
        """How many of the kept runs were, and how many there are."""
        kept = [run for runs in self.kept.values() for run in runs]
        return sum(run["disturbed"] for run in kept), len(kept)


def rounds(lines):
    found = defaultdict(list)
    for line in lines:
        found[line["series"], line["load"], line["broker"], line["round"]].append(line)
    return found


def lossy(figures):
    lost, arrived = figures.get("lost", 0), figures.get("messages", 0)
    if lost <= LOST_SHARE_MAX * (lost + arrived):
        return {}
    return {"failed": f"{lost:,} of {lost + arrived:,} messages lost"}


def is_overload(figures):
    asked = figures.get("asked_per_s")
    if not asked or figures["messages_per_s"] >= KEPT_UP * asked:
        return False
    # Where nothing was delivered, there is no percentile.
    return figures.get("delivered_p99_ms", math.inf) > LATE_MS
