"""Runs the loads, the brokers taking turns, and appends a line of JSON for every run."""

import json
import os
import subprocess
import sys
import time

import machine
from brokers import BY_NAME
from figures import is_overload

# Of a core, by programs that are none of ours: a run with more is made again.
OTHERS_CORES_MAX = 0.1
# Below this, the system's clock ticks are what is seen.
OTHERS_S_MIN = 0.05
FAILURES_MAX = 2
# What a load may take beyond its time: subscribing, connecting, slow brokers.
RUN_S_MAX = 180


class Runner:
    def __init__(self, settings):
        self.settings = settings
        self.versions = {name: BY_NAME[name].version() for name in settings.brokers}
        self.series = time.strftime("%Y-%m-%dT%H:%M:%S")
        self.machine = machine.description()
        self.failures = {}
        # By line of a plot and broker: the least load that was too much.
        self.full = {}

    def run(self, loads):
        for load in loads:
            brokers = [name for name in load.brokers if name in self.versions and self.can(BY_NAME[name], load)]
            for round_number in range(self.settings.rounds):
                # Nobody is always the first.
                shift = round_number % max(1, len(brokers))
                for name in brokers[shift:] + brokers[:shift]:
                    self.turn(load, BY_NAME[name], round_number)

    def can(self, broker, load):
        reason = broker.cannot(load)
        if reason:
            self.say(f"{load.name}: {broker.name} {reason}")
            self.append({"load": load.name, "broker": broker.name, "cannot": reason})
        return not reason

    def turn(self, load, broker, round_number):
        if self.failures.get((load.name, broker.name), 0) >= FAILURES_MAX:
            return
        if load.line and load.x > self.full.get((load.line, broker.name), load.x):
            return
        for attempt in range(self.settings.attempts):
            about = {"round": round_number, "attempt": attempt}
            lines = self.attempt(load, broker, about)
            for line in lines:
                self.append(line)
            if not any(line.get("disturbed") for line in lines):
                break

    def attempt(self, load, broker, about):
        """A line for the load, and for those that follow it."""
        lines = []
        try:
            with broker(self.settings.directory, load.lossless) as running:
                for part in load.chain():
                    lines.append(about | self.measure(part, running))
                    if "failed" in lines[-1]:
                        break
        except (RuntimeError, OSError) as error:
            lines.append(about | {"load": load.name, "broker": broker.name, "failed": str(error)})
        for line in lines:
            if "failed" in line:
                key = load.name, broker.name
                self.failures[key] = self.failures.get(key, 0) + 1
                self.say(f"{line['load']}: {broker.name} failed: {line['failed']}")
        return lines

    def measure(self, load, broker):
        scenario, *options = load.command
        command = [self.settings.bin / "tw", "bench", scenario, *options, *load.of.get(broker.name, ()),
                   *broker.arguments(load), "--json"]
        line = {"load": load.name, "broker": broker.name, "version": self.versions[broker.name], "x": load.x,
                "date": time.strftime("%Y-%m-%dT%H:%M:%S"), "load_average": os.getloadavg()[0]}
        before = machine.Usage.now(broker.pid)
        process = machine.start(machine.LOAD_CORE, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            output, wrong = process.communicate(timeout=RUN_S_MAX)
        except subprocess.TimeoutExpired:
            return line | {"failed": f"not done within {RUN_S_MAX} s"}
        finally:
            if process.poll() is None:
                machine.stop(process)
        after = machine.Usage.now(broker.pid)
        if broker.has_ended():
            return line | {"failed": f"the broker ended: {broker.log()[-500:]}"}
        if not output:
            return line | {"failed": wrong.strip()[-500:]}
        figures = json.loads(output)
        figures.pop("url", None)
        others_s = after.others_s(before)
        took_s = after.at - before.at
        line |= {"took_s": round(took_s, 2), "others_cores": round(others_s / took_s, 3), "figures": figures}
        line["disturbed"] = others_s > max(OTHERS_S_MIN, OTHERS_CORES_MAX * took_s)
        if wrong:
            line["fault"] = wrong.strip()[-500:]
        self.note_full(load, broker, line)
        self.say(summary(line))
        return line

    def note_full(self, load, broker, line):
        # What others disturb says nothing about more than this run.
        if load.line and is_overload(line["figures"]) and not line["disturbed"]:
            key = load.line, broker.name
            self.full[key] = min(load.x, self.full.get(key, load.x))

    def append(self, line):
        line |= {"series": self.series, "machine": self.machine, "quick": self.settings.quick}
        with open(self.settings.results, "a") as file:
            file.write(json.dumps(line) + "\n")

    def say(self, text):
        print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def summary(line):
    shown = ("messages_per_s", "loops_per_s", "broker_cores", "broker_cpu_us_per_message", "broker_cpu_us_per_connection",
             "broker_cpu_us_per_loop", "delivered_p99_ms", "lost")
    figures = " ".join(f"{key}={line['figures'][key]:g}" for key in shown if line["figures"].get(key) is not None)
    marks = "".join(f" {mark}" for mark in ("disturbed", "fault") if line.get(mark))
    return f"{line['load']}: {line['broker']} {figures} others_cores={line['others_cores']:g}{marks}"
