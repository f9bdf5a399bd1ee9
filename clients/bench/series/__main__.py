#!/usr/bin/env python3
"""Tidewire beside mosquitto, rumqttd, nats-server and RabbitMQ, in one run: what docs/benchmarks.md shows.

    sudo apt-get install mosquitto nats-server rabbitmq-server
    cargo install rumqttd
    cargo build --release -p tidewire -p tidewire-client
    python3 clients/bench/series --results target/series.jsonl
    python3 clients/bench/series --results target/series.jsonl --report docs/benchmarks.md

Every run has a broker of its own with fresh files, pinned to core 0, and `tw bench` on core 1. For each load the brokers take
turns, so that whatever else the machine does meets all of them. A line of JSON is appended to the results for every run, with
the load average and the CPU time that other programs took meanwhile; where that was more than a tenth of a core, the run is
marked, and made again up to twice. Brokers that are not installed are left out.

The report needs matplotlib, and makes itself an environment with it under target/ where Python has none. It takes medians, and of
a turn's attempts the one that was disturbed least. A new build of a broker deserves a new results file.
"""

import argparse
import signal
import subprocess
import sys
from pathlib import Path

import machine
from brokers import BY_NAME
from runner import Runner
from scenarios import Scenarios


def main():
    arguments = parse()
    if arguments.report:
        import document
        document.write(arguments.results, arguments.report)
        return
    machine.check()
    # What was started must not stay behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("series: terminated"))
    loads = chosen(Scenarios(arguments.duration, arguments.quick), arguments.only)
    if not (arguments.bin / "tw").exists():
        sys.exit(f"series: {arguments.bin / 'tw'} is missing: cargo build --release -p tidewire-client")
    arguments.brokers = usable(arguments.brokers, arguments.bin / "tw")
    if arguments.list:
        print("\n".join(f"{part.name:28}{part.section:16}{part.title}" for load in loads for part in load.chain()))
        print(f"\nof {', '.join(arguments.brokers)}")
        return
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    Runner(arguments).run(loads)


def parse():
    parser = argparse.ArgumentParser(prog="series", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=machine.TARGET / "series.jsonl", metavar="FILE",
                        help="where every run is appended as a line of JSON")
    parser.add_argument("--report", type=Path, metavar="FILE",
                        help="run nothing: write the results' tables into this document, and the plots beside it")
    parser.add_argument("--rounds", type=int, help="(default: 5)")
    parser.add_argument("--duration", type=int, help="seconds of each run, without its warm-up (default: 4)")
    parser.add_argument("--attempts", type=int, help="how often a run may be made that other programs disturb (default: 3)")
    parser.add_argument("--quick", action="store_true", help="one round of a second each, nothing twice, a tenth of what is counted")
    parser.add_argument("--only", metavar="NAMES", help="loads or sections, with commas between: see --list")
    parser.add_argument("--brokers", default=",".join(BY_NAME), metavar="NAMES", help="(default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="name the loads, and the brokers that are here, and run nothing")
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"), help="for the brokers' files: on a disk, not tmpfs")
    parser.add_argument("--bin", type=Path, default=machine.TARGET / "release", help="where tidewire and tw are")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 5)
    arguments.attempts = arguments.attempts or (1 if arguments.quick else 3)
    arguments.duration = arguments.duration or (1 if arguments.quick else 4)
    BY_NAME["tidewire"].folder = arguments.bin
    return arguments


def chosen(scenarios, only):
    if not only:
        return scenarios.loads
    wanted = set(only.split(","))
    unknown = wanted - {name for load in scenarios.all() for name in (load.name, load.section)}
    if unknown:
        sys.exit(f"series: there is no load or section {', '.join(sorted(unknown))}: see --list")
    return [load for load in scenarios.loads if any({part.name, part.section} & wanted for part in load.chain())]


def usable(names, generator):
    """The brokers that are installed, and whose options the generator knows."""
    found = []
    for name in names.split(","):
        if name not in BY_NAME:
            sys.exit(f"series: {name} is none of {', '.join(BY_NAME)}")
        broker = BY_NAME[name]
        knows = subprocess.run([generator, "bench", "pairs", *broker.options, "--help"], capture_output=True).returncode == 0
        if not broker.find():
            print(f"series: {name} is missing and left out: {broker.install}", file=sys.stderr)
        elif not knows:
            print(f"series: {name} is left out: {generator} does not know {' '.join(broker.options)}", file=sys.stderr)
        else:
            found.append(name)
    return found


if __name__ == "__main__":
    main()
