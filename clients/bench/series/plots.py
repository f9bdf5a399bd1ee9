"""The plots, as SVG: the same figures give the same files."""

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from brokers import BY_NAME
from scenarios import KINDS

# Okabe and Ito's colours, and shapes for those who see none.
STYLES = {
    "tidewire": ("#0072B2", "o"),
    "tidewire-always": ("#56B4E9", "D"),
    "tidewire-two": ("#56B4E9", "P"),
    "mosquitto": ("#D55E00", "s"),
    "rumqttd": ("#009E73", "^"),
    "nats": ("#CC79A7", "v"),
    "rabbitmq": ("#E69F00", "X"),
}
WIDTH_IN = 8.5
# A vertical axis spans at least so much, from its lowest to its highest.
SPAN_MIN = 100
# Sections whose loads are compared by a line each.
OVERVIEW = ("pairs", "fanout", "waiting", "stomp")

matplotlib.rcParams.update({
    "svg.hashsalt": "tidewire",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": 11,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "lines.linewidth": 2,
    "lines.markersize": 7,
    "legend.frameon": False,
})


def draw(runs, loads, folder):
    """By section, or a name of its own where it is of several: the file's name, and what to say instead of it."""
    folder.mkdir(parents=True, exist_ok=True)
    overview = [load for load in loads if load.section in OVERVIEW and runs.brokers(load)]
    drawn = {}
    for name, title, make in (
        ("throughput", "Messages per second of each broker and load",
         lambda: dots(runs, overview, "messages_per_s", "messages/s (more is better)")),
        ("cpu", "Broker CPU per message of each broker and load",
         lambda: dots(runs, overview, "broker_cpu_us_per_message", "broker CPU, µs per message (less is better)")),
        ("latency", "Latency of each broker against the load", lambda: latency(runs, section(loads, "latency"))),
        ("subscriptions", "Broker CPU per message against the number of subscriptions",
         lambda: subscriptions(runs, section(loads, "subscriptions"))),
        ("by-connections", "Broker CPU per message against the number of connections",
         lambda: connections(runs, section(loads, "by-connections"))),
    ):
        figure = make()
        if figure:
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")
            pyplot.close(figure)
            drawn[name] = f"{name}.svg", title
    return drawn


def section(loads, name):
    return [load for load in loads if load.section == name]


def dots(runs, loads, key, label):
    """A line for each load, a dot for each broker."""
    # What has no such figure has no line.
    loads = [load for load in loads if any(runs.median(load.name, broker, key) for broker in load.brokers)]
    if not loads:
        return None
    figure, axes = pyplot.subplots(figsize=(WIDTH_IN, 1.3 + 0.36 * len(loads)))
    shown = set()
    for y, load in enumerate(loads):
        values = {broker: runs.median(load.name, broker, key) for broker in load.brokers}
        values = {broker: value for broker, value in values.items() if value}
        if values:
            axes.plot([min(values.values()), max(values.values())], [y, y], color="#bbbbbb", linewidth=1.2, zorder=1)
        for broker, value in values.items():
            colour, shape = STYLES[broker]
            axes.plot(value, y, shape, color=colour, markersize=8, markeredgecolor="white", zorder=2)
            shown.add(broker)
    axes.set_yticks(range(len(loads)), [f"STOMP {load.title}" if load.stomp else load.title for load in loads])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel(label)
    plain(axes.xaxis)
    legend(axes, shown)
    return figure


def latency(runs, loads):
    figure, axes = pyplot.subplots(figsize=(WIDTH_IN, 4.8))
    shown = set()
    for broker in STYLES:
        # What a broker cannot keep up with has no latency but the run's length.
        held = [load for load in loads if not runs.is_full(load.name, broker)]
        for key, line in (("delivered_p50_ms", "--"), ("delivered_p99_ms", "-")):
            curve(axes, runs, held, broker, key, shown, line)
    axes.set_ylabel("from due to delivered, ms")
    axes.set_xlabel("messages/s asked for; a line ends with the last load that its broker keeps up with")
    lines = [Line2D([], [], color="#444444", linestyle=line, label=label) for line, label in (("--", "p50"), ("-", "p99"))]
    return finish(figure, axes, shown, lines)


def subscriptions(runs, loads):
    figure, grid = pyplot.subplots(2, 2, figsize=(WIDTH_IN, 6), sharex=True, sharey=True)
    shown = set()
    for kind, axes in zip(KINDS, grid.flat):
        for broker in STYLES:
            curve(axes, runs, [load for load in loads if load.line == f"subscriptions-{kind}"], broker, "broker_cpu_us_per_message", shown)
        axes.set_title(kind, fontsize=11)
    # All of them share the first one's scales.
    scales(grid[0, 0])
    for axes in grid[:, 0]:
        axes.set_ylabel("broker CPU, µs per message")
    for axes in grid[1]:
        axes.set_xlabel("subscriptions")
    if not shown:
        return nothing(figure)
    handles = [handle(broker) for broker in STYLES if broker in shown]
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.92), ncols=len(handles))
    return figure


def connections(runs, loads):
    figure, axes = pyplot.subplots(figsize=(WIDTH_IN, 4))
    shown = set()
    for broker in STYLES:
        curve(axes, runs, loads, broker, "broker_cpu_us_per_message", shown)
    axes.set_ylabel("broker CPU, µs per message")
    axes.set_xlabel("pairs of a publisher and a subscriber")
    return finish(figure, axes, shown)


def curve(axes, runs, loads, broker, key, shown, line="-"):
    points = [(load.x, runs.median(load.name, broker, key)) for load in loads]
    points = sorted((x, y) for x, y in points if y)
    if points:
        colour, shape = STYLES[broker]
        axes.plot(*zip(*points), marker=shape, linestyle=line, color=colour, markeredgecolor="white")
        shown.add(broker)


def finish(figure, axes, shown, more=()):
    if not shown:
        return nothing(figure)
    scales(axes)
    legend(axes, shown, more)
    return figure


def nothing(figure):
    pyplot.close(figure)


def scales(axes):
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    # Little differences are to look little.
    axes.set_ylim(min(low, high / SPAN_MIN), high * 1.3)
    plain(axes.xaxis)
    plain(axes.yaxis)


def plain(axis):
    """Powers of ten as 0.1, 10, 10k, 1M; where there are few of them, 2 and 5 as well."""
    low, high = sorted(axis.get_view_interval())
    is_short = high / max(low, 1e-9) < 50
    axis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if is_short else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axis.set_minor_formatter(NullFormatter())


def short(value):
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


def legend(axes, shown, more=()):
    handles = [handle(broker) for broker in STYLES if broker in shown]
    axes.legend(handles=[*handles, *more], loc="lower center", bbox_to_anchor=(0.5, 1), ncols=min(6, len(handles) + len(more)), fontsize=10)


def handle(broker):
    colour, shape = STYLES[broker]
    return Line2D([], [], color=colour, marker=shape, linestyle="", markeredgecolor="white", markersize=9, label=BY_NAME[broker].label)
