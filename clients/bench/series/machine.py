"""The machine: what runs on which core, and how much of it went to programs that are none of ours."""

import itertools
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BROKER_CORES, LOAD_CORE = "0", "1"
PORTS = itertools.cycle(range(20_000, 30_000))
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def check():
    """Ends the program where the machine cannot do it at all."""
    if os.cpu_count() < 2:
        sys.exit("series: two cores are needed, one for the broker and one for the load")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < 20_000:
        print(f"series: only {most} files may be open: runs with many connections will fail", file=sys.stderr)


def start(cores, command, **options):
    """A program of its own session, pinned."""
    return subprocess.Popen(["taskset", "-c", cores, *map(str, command)], start_new_session=True, **options)


def stop(process):
    """Kills a program of `start` with all that it has started."""
    for pid in [process.pid, *descendants(process.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()


def descendants(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def free_port():
    """Each time another, from below those that the system gives to clients: a connection might have it again at once."""
    for port in PORTS:
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


@dataclass(frozen=True)
class Usage:
    """CPU seconds until now: of the whole machine, of a broker, and of our children that have ended."""

    at: float
    machine: float
    broker: float
    children: float

    @classmethod
    def now(cls, broker_pid):
        return cls(time.monotonic(), busy_s(), process_s(broker_pid), children_s())

    def others_s(self, before):
        """CPU seconds since then that neither the broker nor the load has used: other programs, other machines."""
        machine = self.machine - before.machine
        return max(0.0, machine - (self.broker - before.broker) - (self.children - before.children))


def busy_s():
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _wait, _irq, _softirq, steal = map(int, fields[:8])
    return (user + nice + system + steal) / TICKS_PER_S


def process_s(pid):
    try:
        # The name, in brackets, may hold blanks.
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def children_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def description():
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), os.uname().machine)
    return f"{os.cpu_count()} cores ({model}), Linux {os.uname().release}"
