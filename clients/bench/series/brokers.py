"""The brokers: how each is configured and started, where it listens, and what it cannot do."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import machine

READY_WITHIN_S = 60


class Broker:
    """One process with files and ports of its own, for the time of a `with`."""

    name: str
    label: str
    program: str
    install: str
    cores = machine.BROKER_CORES
    stomp = False
    # The version of MQTT by transport; a transport that is missing here is one that the broker does not have.
    mqtt = {"ws": "5", "tcp": "5", "wss": "5"}
    path = "/"
    # Options of `tw bench`, which must know them.
    options = ()

    def __init__(self, directory, lossless):
        """`lossless` lifts the limits of what may wait for a client."""
        self.directory = Path(tempfile.mkdtemp(prefix=f"series-{self.name}-", dir=directory))
        self.lossless = lossless
        self.ports = {port: machine.free_port() for port in ("ws", "tcp", "wss", "native")}
        self.processes = []

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            machine.stop(process)
        shutil.rmtree(self.directory, ignore_errors=True)

    @classmethod
    def find(cls):
        """The program's path, or None where it is not installed."""
        folders = [os.environ.get("PATH", ""), "/usr/sbin", str(Path.home() / ".cargo/bin")]
        return shutil.which(cls.program, path=os.pathsep.join(folders))

    @classmethod
    def version(cls):
        # Where the program shows its version only with its help, that ends with a failure.
        shown = subprocess.run([cls.find(), cls.version_option], capture_output=True, text=True)
        found = re.search(r"\d+\.\d+\.\d+", shown.stdout + shown.stderr)
        return f"{cls.label} {found[0]}" if found else cls.label

    version_option = "--version"

    @classmethod
    def cannot(cls, load):
        """Why it cannot do that, or None."""
        if load.stomp:
            return None if cls.stomp else "does not speak STOMP"
        return None if load.transport in cls.mqtt else f"has no MQTT over {load.transport}"

    def start(self):
        file = self.directory / "configuration"
        file.write_text(self.configuration())
        self.spawn(self.command(file))
        self.wait()

    def spawn(self, command, **options):
        with open(self.directory / "log", "ab") as log:
            # From within the directory, so that a broker that leaves something behind leaves it there.
            process = machine.start(self.cores, command, stdout=log, stderr=log, cwd=self.directory, **options)
        self.processes.append(process)

    def wait(self):
        begin = time.monotonic()
        while not all(machine.listens(self.ports[port]) for port in self.listeners()):
            if self.has_ended() or time.monotonic() - begin > READY_WITHIN_S:
                raise RuntimeError(f"{self.name} does not start: {self.log()}")
            time.sleep(0.05)

    def has_ended(self):
        return any(process.poll() is not None for process in self.processes)

    def log(self):
        return (self.directory / "log").read_text(errors="replace")[-2000:]

    def listeners(self):
        return self.mqtt

    @property
    def pid(self):
        return self.processes[-1].pid

    def url(self, load):
        port = self.ports[load.transport]
        if load.transport == "tcp":
            return f"{'stomp' if load.stomp else 'mqtt'}://127.0.0.1:{port}"
        return f"{load.transport}://127.0.0.1:{port}{self.path}"

    def arguments(self, load):
        protocol = ["--stomp"] if load.stomp else ["-V", self.mqtt[load.transport]]
        trust = ["--insecure"] if load.transport == "wss" else []
        return ["-u", self.url(load), *protocol, *trust, *self.options, "--pid", str(self.pid)]

    def certificate(self):
        """Key and certificate of this machine, P-256."""
        key, certificate = self.directory / "server.key", self.directory / "server.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"],
                       check=True, capture_output=True)
        return key, certificate


class Tidewire(Broker):
    name = label = program = "tidewire"
    install = "cargo build --release -p tidewire"
    stomp = True
    sync = "memory"
    folder = machine.TARGET / "release"

    @classmethod
    def find(cls):
        program = Path(cls.folder) / cls.program
        return str(program) if program.exists() else None

    def configuration(self):
        limits = '[session]\noutbox_messages_max = 100000000\noutbox_bytes_max = "64GiB"\n' if self.lossless else ""
        return f"""
data_dir = "{self.directory}/data"
{"".join(map(self.listener, self.mqtt))}
[auth]
anonymous = true
{limits}
[storage]
sync = "{self.sync}"
[admin]
bind = ""
[log]
level = "warn"
"""

    def listener(self, transport):
        key, certificate = self.certificate() if transport == "wss" else (None, None)
        tls = f'[listeners.tls]\ncert = "{certificate}"\nkey = "{key}"\n' if key else ""
        return f"""
[[listeners]]
name = "{transport}"
bind = "127.0.0.1:{self.ports[transport]}"
transport = "{"tcp" if transport == "tcp" else "ws"}"
protocols = ["mqtt", "stomp"]
{tls}"""

    def command(self, file):
        return [self.find(), "serve", "--config", file]


class TidewireAlways(Tidewire):
    name, label, sync = "tidewire-always", 'tidewire, sync = "always"', "always"


class TidewireTwo(Tidewire):
    """On both cores, the load's among them."""

    name, label, cores = "tidewire-two", "tidewire, two cores", "0,1"


class Mosquitto(Broker):
    name = label = program = "mosquitto"
    install = "apt-get install mosquitto"
    version_option = "-h"

    def configuration(self):
        key, certificate = self.certificate()
        # With its own limits mosquitto would drop from the load's window. A WebSocket listener alone would not do:
        # 2.0.11 takes it that it listens nowhere, and ends. As root it would become a user who may not read the key.
        return f"""
user root
allow_anonymous true
persistence false
set_tcp_nodelay true
max_inflight_messages 1000
max_queued_messages {0 if self.lossless else 10000}
log_type error
listener {self.ports["tcp"]} 127.0.0.1
listener {self.ports["ws"]} 127.0.0.1
protocol websockets
listener {self.ports["wss"]} 127.0.0.1
protocol websockets
certfile {certificate}
keyfile {key}
"""

    def command(self, file):
        return [self.find(), "-c", file]


class Rumqttd(Broker):
    name = label = program = "rumqttd"
    install = "cargo install rumqttd"
    mqtt = {"ws": "3.1.1", "tcp": "5"}
    # It refuses who would be there forever.
    options = ("--keep-alive", "3600")

    def configuration(self):
        def listener(kind, port):
            # In its own example a connection is accepted each millisecond, and 100 messages are in flight.
            return f"""
[{kind}.1]
name = "{kind}"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 0
[{kind}.1.connections]
connection_timeout_ms = 60000
max_payload_size = 20480
max_inflight_count = 1000
dynamic_filters = true
"""

        router = """
id = 0
[router]
id = 0
max_connections = 20010
max_outgoing_packet_count = 1000
max_segment_size = 104857600
max_segment_count = 10
"""
        return router + listener("v5", self.ports["tcp"]) + listener("ws", self.ports["ws"])

    def command(self, file):
        # It wants to know the format by the name.
        named = file.rename(file.with_suffix(".toml"))
        return [self.find(), "--quiet", "--config", named]


class Nats(Broker):
    name, label, program = "nats", "nats-server", "nats-server"
    install = "apt-get install nats-server"
    mqtt = {"ws": "3.1.1", "tcp": "3.1.1"}
    path = "/mqtt"

    @classmethod
    def cannot(cls, load):
        return "has no QoS 2" if load.qos == 2 else super().cannot(load)

    def configuration(self):
        # A listener of its own protocol must be there; max_ack_pending as high as JetStream takes it, so that it does
        # not hold back.
        return f"""
server_name: bench
host: 127.0.0.1
port: {self.ports["native"]}
jetstream {{ store_dir: "{self.directory}/data", max_file_store: 40G }}
mqtt {{ host: 127.0.0.1, port: {self.ports["tcp"]}, max_ack_pending: 65535 }}
websocket {{ host: 127.0.0.1, port: {self.ports["ws"]}, no_tls: true }}
"""

    def command(self, file):
        return [self.find(), "-c", file]


class RabbitMQ(Broker):
    name, label, program = "rabbitmq", "RabbitMQ", "/usr/lib/rabbitmq/bin/rabbitmq-server"
    install = "apt-get install rabbitmq-server"
    stomp = True
    mqtt = {}
    path = "/ws"
    options = ("--dots",)

    @classmethod
    def version(cls):
        # The folder has it: .../rabbitmq_server-3.10.8/sbin/rabbitmq-server.
        found = re.search(r"rabbitmq_server-([\d.]+)", str(Path(cls.find()).resolve()))
        return f"{cls.label} {found[1]}" if found else cls.label

    @classmethod
    def cannot(cls, load):
        return super().cannot(load) if load.stomp else "is here for STOMP"

    def listeners(self):
        return ("ws", "tcp")

    def start(self):
        # The name service of Erlang would stay behind as a daemon.
        names = machine.free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        folder = self.directory
        environment |= {
            "HOME": str(folder), "ERL_EPMD_PORT": str(names),
            "RABBITMQ_NODENAME": f"bench{names}@localhost", "RABBITMQ_DIST_PORT": str(self.ports["native"]),
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia", "RABBITMQ_LOG_BASE": f"{folder}/logs",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf", "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
        }
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{machine.free_port()}\n"
            f"stomp.listeners.tcp.1 = 127.0.0.1:{self.ports['tcp']}\n"
            f"web_stomp.tcp.ip = 127.0.0.1\nweb_stomp.tcp.port = {self.ports['ws']}\n"
            "stomp.default_user = guest\nstomp.default_pass = guest\n")
        (folder / "plugins").write_text("[rabbitmq_stomp,rabbitmq_web_stomp].")
        self.spawn(["epmd", "-port", names])
        self.spawn([self.find()], env=environment)
        self.wait()

    @property
    def pid(self):
        """The Erlang machine: the script that starts it may still be there."""
        started = [self.processes[-1].pid, *machine.descendants(self.processes[-1].pid)]
        names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in started}
        return next(pid for pid, name in names.items() if name == "beam.smp")


ALL = (Tidewire, TidewireAlways, TidewireTwo, Mosquitto, Rumqttd, Nats, RabbitMQ)
BY_NAME = {broker.name: broker for broker in ALL}
