"""Where a feature of paho-mqtt is played, and the list of all."""

import traceback

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCodes

from paho_client import Client, properties

FEATURES = []


def feature(*versions):
    return lambda function: FEATURES.extend((function, version) for version in versions)


WITH_WILL = ReasonCodes(PacketTypes.DISCONNECT, "Disconnect with will message")
ALL, FIVE = ("3.1", "3.1.1", "5"), ("5",)


class Case:
    """A stage of its own: clients and topics whose names nobody else has."""

    def __init__(self, function, version, transport, port):
        self.function, self.version, self.place = function, version, (transport, "127.0.0.1", port)
        self.name = f"{function.__name__} {version} {transport}"
        self.topic = f"{function.__name__}/{version}/{transport}"
        self.clients = []
        self.tells_of_sessions = version != "3.1"  # its CONNACK has no session present

    def client(self, name, **options):
        """Not yet connected."""
        self.clients.append(Client(self.place, f"{name}{hash(self.name) % 10**8}", self.version, **options))
        return self.clients[-1]

    def enter(self, name="c", **options):
        client = self.client(name, **options)
        client.open()
        return client

    def lasting(self, name, seconds=60, clean=False, **options):
        """A client whose session outlives its connection."""
        if self.version == "5":
            options["properties"] = properties("CONNECT", SessionExpiryInterval=seconds)
        return self.client(name, clean=clean, **options)

    def await_seconds(self, seconds):
        """Until a will with that delay is published: the broker's own clock."""
        watcher = Client(self.place, "", "5")
        lost = Client(self.place, "", "5", properties=properties("CONNECT", SessionExpiryInterval=60))
        lost.paho.will_set(f"{self.topic}/clock", properties=properties("WILLMESSAGE", WillDelayInterval=seconds))
        self.clients += [watcher, lost]
        watcher.open()
        watcher.subscribe(f"{self.topic}/clock")
        lost.open()
        lost.lose()
        watcher.message()

    def leave(self, client, **given):
        """Closes a client of MQTT 5 that has the will `leaving`, and waits until the broker has noticed."""
        watcher = self.enter("watcher")
        watcher.subscribe(f"{self.topic}/left")
        client.close(reasoncode=WITH_WILL, properties=properties("DISCONNECT", **given))
        watcher.message()

    def leaving(self):
        client = self.lasting("leaver")
        client.paho.will_set(f"{self.topic}/left", "left")
        assert not client.open()
        return client

    def play(self):
        try:
            self.function(self)
            return f"ok {self.name}"
        except Exception:  # the reader wants to know of each
            return f"FAILED {self.name}\n{traceback.format_exc()}"
        finally:
            for client in self.clients:
                client.end()
