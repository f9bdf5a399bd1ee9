"""What is measured: each load is one run of `tw bench`, and the loads of a section stand in one table or plot."""

from dataclasses import dataclass, field

MQTT = ("tidewire", "mosquitto", "rumqttd", "nats")
KINDS = ("exact", "plus", "hash", "mixed")
STOMP = ("tidewire", "rabbitmq")
BOTH = ("tidewire", "mosquitto")


@dataclass(frozen=True)
class Figure:
    """A figure of `tw bench`'s report, and how it is shown."""

    key: str
    label: str
    # Whether more of it is better.
    more: bool = False


RATE = Figure("messages_per_s", "messages/s", more=True)
CPU = Figure("broker_cpu_us_per_message", "broker CPU, µs/message")
CORES = Figure("broker_cores", "of its core, the broker used")
LATENCIES = tuple(Figure(f"delivered_{key}_ms", f"delivered, {label} ms")
                  for key, label in (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9")))
ACKNOWLEDGED = (Figure("acknowledged_p50_ms", "acknowledged, p50 ms"), Figure("acknowledged_p99_ms", "acknowledged, p99 ms"))
FULL = (RATE, CORES, CPU)
# Latency counts from when a message is due: what the generator itself is late is in it.
PACED = (*LATENCIES, Figure("sent_late_p99_ms", "sent late, p99 ms"), CORES)


@dataclass(frozen=True)
class Load:
    name: str
    title: str
    section: str
    # The scenario of `tw bench`, with its options.
    command: tuple[str, ...]
    brokers: tuple[str, ...] = MQTT
    transport: str = "ws"
    stomp: bool = False
    qos: int = 0
    figures: tuple[Figure, ...] = FULL
    # Further options for single brokers.
    of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # Whether all that is published must wait for clients who are away.
    lossless: bool = False
    # What the same broker does next.
    then: "Load | None" = None
    # The place in a plot: its line, and how far along.
    line: str = ""
    x: int = 0

    def chain(self):
        return [self, *(self.then.chain() if self.then else [])]


class Scenarios:
    """All loads; with `quick`, what takes its time by its number is a tenth."""

    def __init__(self, duration=4, quick=False):
        self.quick = quick
        self.lasting = ("--duration", str(duration), "--warm-up", "1")
        self.duration = ("--duration", str(duration))
        self.loads = [*self.pairs(), *self.fanouts(), *self.paced(), *self.waiting(), *self.connections(), *self.stomp(),
                      *self.durable(), *self.cores(), *self.latency(), *self.by_subscriptions(), *self.by_connections()]

    def all(self):
        """With those that follow another."""
        return [part for load in self.loads for part in load.chain()]

    def count(self, full):
        return max(1, full // 10) if self.quick else full

    def pairs(self):
        def load(name, title, *options, **others):
            qos = others.get("qos", 0)
            return Load(name, title, "pairs", ("pairs", "-q", str(qos), *options, *self.lasting), **others)

        return [
            load("pairs-0", "10 pairs, QoS 0"),
            # As STOMP's clients send, and some of MQTT's.
            load("pairs-0-single", "10 pairs, QoS 0, each packet a WebSocket message", "--single"),
            load("pairs-1", "10 pairs, QoS 1", qos=1),
            load("pairs-2", "10 pairs, QoS 2", qos=2),
            load("pairs-1k", "10 pairs, QoS 0, 1 KiB", "--payload", "1024"),
            load("tcp-0", "10 pairs, QoS 0, tcp", transport="tcp"),
            load("tcp-1", "10 pairs, QoS 1, tcp", transport="tcp", qos=1),
            # Nearly every message is a frame, a read and a write of its own: the other end of the scale.
            load("ahead-0", "10 pairs, QoS 0, 2 ahead", "--window", "2"),
            load("ahead-1", "10 pairs, QoS 1, 2 ahead", "--window", "2", qos=1),
            load("wss-0", "10 pairs, QoS 0, wss", transport="wss", brokers=BOTH),
            Load("mixed", "a mixture of 100 devices", "pairs", ("mixed", *self.lasting), qos=2),
        ]

    def fanouts(self):
        filters = self.count(100_000)
        memory = Figure("broker_resident_kib_per_subscription", "resident KiB/subscription")

        # Ten publishers as elsewhere. What one is ahead of a hundred receivers makes two or three messages for each of them,
        # and the writes of these cost more than all that is looked up.
        command = ("wildcard", "--filters", str(filters), "--kind", "mixed", *self.lasting)
        ten = ("--publishers", "10")
        return [
            Load("fanout", "fan-out to 500", "fanout", ("fanout", *self.lasting)),
            Load("wildcard", f"{filters:,} filters, mixed", "fanout", (*command, *ten), figures=(*FULL, memory)),
            Load("wildcard-one", f"{filters:,} filters, one publisher", "fanout", command, brokers=BOTH),
        ]

    def paced(self):
        return [
            Load("fixed", "10 pairs, 10,000 messages/s", "paced", ("pairs", "--rate", "10000", *self.lasting), figures=PACED),
            Load("fanout-20", "fan-out to 500, 20 publishes/s", "paced", ("fanout", "--rate", "20", *self.lasting), figures=PACED),
        ]

    def waiting(self):
        retained, backlog, publishers = self.count(100_000), self.count(100_000), 10
        each = str(backlog // publishers)

        def away(name, suffix, brokers, transport):
            drain = Load(f"drain{name}", f"drain of {backlog:,}, QoS 1{suffix}", "waiting", ("drain", "--messages", each),
                         brokers, transport, qos=1)
            return Load(f"offline{name}", f"backlog of {backlog:,}, QoS 1{suffix}", "waiting",
                        ("offline", "-q", "1", "--publishers", str(publishers), "--messages", each), brokers, transport, qos=1,
                        figures=(Figure("acknowledged_per_s", "acknowledged/s", more=True), CORES, CPU), lossless=True, then=drain)

        return [
            Load("retained", f"{retained:,} retained messages to #", "waiting", ("retained", "--messages", str(retained)), lossless=True),
            away("", "", (*MQTT, "tidewire-always"), "ws"),
            # mosquitto's WebSockets sleep beside what waits: its TCP shows what it can do.
            away("-tcp", ", tcp", BOTH, "tcp"),
        ]

    def connections(self):
        idle = self.count(10_000)
        coming = (Figure("loops_per_s", "clients/s", more=True), Figure("broker_cpu_us_per_loop", "broker CPU, µs each"))
        connection = (Figure("broker_resident_kib_per_connection", "resident KiB each"),
                      Figure("broker_cpu_us_per_connection", "broker CPU, µs each"))
        return [
            Load("idle", f"{idle:,} idle connections", "connections", ("idle", "--count", str(idle)), figures=connection),
            Load("idle-wss", f"{idle:,} idle connections, wss", "connections", ("idle", "--count", str(idle)), BOTH, "wss",
                 figures=connection),
            Load("churn", "connect, subscribe, publish, receive, leave", "connections", ("churn", *self.duration), figures=coming),
            Load("churn-tcp", "the same, tcp", "connections", ("churn", *self.duration), transport="tcp", figures=coming),
        ]

    def stomp(self):
        def load(name, title, *command, **others):
            return Load(name, title, "stomp", command, STOMP, stomp=True, **others)

        def queue(name, title, *options, **others):
            messages = {broker: ("--messages", str(self.count(count))) for broker, count in (("tidewire", 60_000), ("rabbitmq", 4_000))}
            return load(name, title, "queue", *options, of=messages, **others)

        return [
            load("stomp-pairs", "/topic, 10 pairs", "pairs", *self.lasting),
            # RabbitMQ has enough to do with less, and would be at the rest for a minute.
            load("stomp-fanout", "/topic, fan-out to 500", "fanout", *self.lasting, of={"rabbitmq": ("--window", "50")}),
            queue("stomp-queue", "/queue, 10 to 10", "--window", "100"),
            queue("stomp-queue-10", "/queue, 10 to 10, 10 ahead", "--window", "10"),
            queue("stomp-queue-tcp", "/queue, 10 to 10, tcp", "--window", "100", transport="tcp"),
        ]

    def durable(self):
        brokers = ("tidewire-always", "tidewire", "nats")
        command = ("pairs", "-q", "1", "--persistent", *self.lasting)
        return [
            Load("durable", "10 pairs of persistent sessions, QoS 1", "durable", command, brokers, qos=1, figures=(*FULL, *ACKNOWLEDGED)),
            Load("durable-fixed", "the same, 10,000 messages/s", "durable", (*command, "--rate", "10000"), brokers, qos=1,
                 figures=(*ACKNOWLEDGED, CORES)),
        ]

    def cores(self):
        brokers = ("tidewire", "tidewire-two")
        return [
            Load("cores-pairs", "10 pairs, QoS 0", "cores", ("pairs", *self.lasting), brokers),
            Load("cores-pairs-1", "10 pairs, QoS 1", "cores", ("pairs", "-q", "1", *self.lasting), brokers, qos=1),
            Load("cores-fanout", "fan-out to 500", "cores", ("fanout", *self.lasting), brokers),
            Load("cores-fixed", "10 pairs, 10,000 messages/s", "cores", ("pairs", "--rate", "10000", *self.lasting), brokers,
                 figures=(*PACED, CPU)),
        ]

    def latency(self):
        rates = (1_000, 20_000, 100_000) if self.quick else (
            1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000)
        return [Load(f"latency-{rate}", f"{rate:,} messages/s", "latency", ("pairs", "--rate", str(rate), *self.lasting),
                     figures=PACED, line="latency", x=rate) for rate in rates]

    def by_subscriptions(self):
        counts = (1_000, 10_000, 100_000) if self.quick else (1_000, 10_000, 100_000, 1_000_000)
        memory = Figure("broker_resident_kib_per_subscription", "resident KiB/subscription")
        # What takes mosquitto minutes to subscribe says no more than a tenth of it.
        return [Load(f"subscriptions-{kind}-{count}", f"{count:,} {kind}", "subscriptions",
                     ("wildcard", "--filters", str(count), "--kind", kind, "--publishers", "10", *self.lasting),
                     BOTH if count <= self.count(100_000) else ("tidewire",), figures=(RATE, CPU, memory),
                     line=f"subscriptions-{kind}", x=count)
                for kind in KINDS for count in counts]

    def by_connections(self):
        counts = (100, 1_000) if self.quick else (100, 1_000, 5_000, 9_950)
        # As many messages travel together at each of them. The last is what 20,000 open files have room for.
        return [Load(f"connections-{pairs}", f"{pairs:,} pairs", "by-connections",
                     ("pairs", "--pairs", str(pairs), "--window", "10", *self.lasting),
                     figures=(RATE, CPU), line="connections", x=pairs) for pairs in counts]
