"""The tables of a section: a line for each figure of each load, a column for each broker."""

from brokers import BY_NAME
from scenarios import CORES, RATE

# What each section is about, and beside whom the first of its brokers is put.
SECTIONS = {
    "pairs": ("Publishers to subscribers", "mosquitto"),
    "fanout": ("Many subscribers, many subscriptions", "mosquitto"),
    "paced": ("At a fixed pace", "mosquitto"),
    "latency": ("Latency against load", None),
    "waiting": ("Retained messages, and clients who are away", "mosquitto"),
    "durable": ("Acknowledged means: on disk", None),
    "connections": ("Connections", "mosquitto"),
    "by-connections": ("Cost against the number of connections", "mosquitto"),
    "subscriptions": ("Cost against the number of subscriptions", "mosquitto"),
    "stomp": ("STOMP", "rabbitmq"),
    "cores": ("Two cores, which the load shares, beside one", None),
}
OURS = "tidewire"
# Figures of a message that was lost, came twice, or came in the wrong order.
FAULTS = {"lost": "lost", "duplicates": "doubled", "out_of_order": "out of order"}


def section(runs, loads, name):
    """Its table with what could not be measured below, or nothing where there is no figure."""
    rival = SECTIONS[name][1]
    loads = [load for load in loads if load.section == name and runs.brokers(load)]
    if not loads:
        return ""
    brokers = [broker for broker in BY_NAME if any(broker in runs.brokers(load) for load in loads)]
    ratio = rival in brokers and OURS in brokers
    columns = ["load", "figure", *(BY_NAME[broker].label for broker in brokers), *([f"better than {rival}"] if ratio else [])]
    lines = [row(columns), "|" + "---|" * len(columns)]
    for load in loads:
        title = load.title
        for figure in load.figures:
            values = [runs.median(load.name, broker, figure.key) for broker in brokers]
            if all(value is None for value in values):
                continue
            cells = [mark(number(value), runs.is_full(load.name, broker)) for value, broker in zip(values, brokers)]
            lines.append(row([title, figure.label, *cells, *([better(runs, load, figure, rival)] if ratio else [])]))
            # Once is enough.
            title = ""
    table = "\n".join(lines) + "\n"
    if loads[0].line:
        # The plot says it shorter.
        table = f"<details><summary>The figures</summary>\n\n{table}\n</details>\n"
    return table + notes(runs, loads, brokers)


def row(cells):
    return f"| {' | '.join(cells)} |"


def mark(text, full):
    return f"({text})" if full and text else text


def better(runs, load, figure, rival):
    """How many times better we are. Under full load, a core that is used is neither good nor bad."""
    if figure == CORES and RATE in load.figures:
        return ""
    our, their = runs.median(load.name, OURS, figure.key), runs.median(load.name, rival, figure.key)
    if not our or not their:
        return ""
    return f"{our / their if figure.more else their / our:.3g}×"


def number(value):
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def notes(runs, loads, brokers):
    lines = []
    for load in loads:
        for broker in load.brokers:
            label = BY_NAME[broker].label
            faults = [f"{runs.total(load.name, broker, key):,.0f} {word}" for key, word in FAULTS.items()
                      if runs.total(load.name, broker, key)]
            if faults:
                lines.append(f"- {load.title}: {label}: {', '.join(faults)}.")
            if (load.name, broker) in runs.failed and broker not in runs.brokers(load):
                reason = " ".join(runs.failed[load.name, broker].split())
                lines.append(f"- {load.title}: {label} has no figures: `{reason[:160]}`")
    unable = {}
    for load in loads:
        for broker in load.brokers:
            if (load.name, broker) in runs.cannot:
                unable[broker, runs.cannot[load.name, broker]] = True
    lines += [f"- {BY_NAME[broker].label} {reason}." for broker, reason in unable]
    if any(runs.is_full(load.name, broker) for load in loads for broker in brokers):
        lines.append("- In brackets: the broker fell behind: less than 95 % of what was asked for, and more than 0.1 s late.")
    return "\n" + "\n".join(lines) + "\n" if lines else ""
