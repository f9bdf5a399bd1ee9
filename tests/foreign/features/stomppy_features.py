"""Features of stomp.py, one function each, in the versions that have them, over TCP:

    python stomppy_features.py MQTT_PORT WEBSOCKET_PORT STOMP_PORT
"""

import itertools
import queue
import sys
import time
import traceback

import stomp

PATIENCE_S = 10
ALL = ("1.0", "1.1", "1.2")
CONNECTIONS = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}
FEATURES = []
numbers = itertools.count(1)


def feature(*versions):
    return lambda function: FEATURES.extend((function, version) for version in versions)


class Client(stomp.ConnectionListener):
    """A connection; what it hears stands in `messages`, `receipts` and `errors`."""

    def __init__(self, port, version, **headers):
        self.version = version
        self.messages, self.receipts, self.errors = queue.Queue(), queue.Queue(), queue.Queue()
        self.lost = False
        options = {"heartbeats": headers.pop("heartbeats")} if "heartbeats" in headers else {}
        self.connection = CONNECTIONS[version]([("127.0.0.1", port)], **options)
        self.connection.set_listener("", self)
        self.connection.connect(wait=True, headers=headers)

    def on_message(self, frame):
        self.messages.put(frame)

    def on_receipt(self, frame):
        self.receipts.put(frame.headers["receipt-id"])

    def on_error(self, frame):
        self.errors.put(frame)

    def on_disconnected(self):
        self.lost = True

    def asks(self, call, *arguments, **headers):
        """Calls a method of the library with a receipt, and waits for that."""
        receipt = f"r-{next(numbers)}"
        call(*arguments, receipt=receipt, **headers)
        assert self.receipts.get(timeout=PATIENCE_S) == receipt

    def subscribes(self, destination, ack="auto", **headers):
        self.asks(self.connection.subscribe, destination, id="s", ack=ack, **headers)

    def sends(self, destination, body, **headers):
        self.asks(self.connection.send, destination, body, **headers)

    def hears(self, body):
        frame = self.messages.get(timeout=PATIENCE_S)
        assert frame.body == body, (frame.body, body)
        return frame.headers

    def hears_nothing(self):
        time.sleep(0.15)
        assert self.messages.empty(), self.messages.get().body

    def acks(self, headers):
        self.settles(self.connection.ack, headers)

    def nacks(self, headers):
        self.settles(self.connection.nack, headers)

    def settles(self, call, headers, **more):
        names = {"1.0": ("message-id",), "1.1": ("message-id", "subscription"), "1.2": ("ack",)}[self.version]
        call(*(headers[name] for name in names), **more)

    def vanishes(self):
        self.connection.transport.disconnect_socket()

    def leaves(self):
        self.connection.disconnect()


class Stage:
    def __init__(self, function, version, port):
        self.version, self.port, self.clients = version, port, []
        self.name = f"{function.__name__}.{version}"

    def enter(self, **headers):
        self.clients.append(Client(self.port, self.version, **headers))
        return self.clients[-1]

    def end(self):
        for client in self.clients:
            if client.connection.is_connected():
                client.leaves()


@feature(*ALL)
def topic(stage):
    alice, bob = stage.enter(), stage.enter()
    bob.subscribes(f"/topic/{stage.name}/#")
    alice.sends(f"/topic/{stage.name}/a", "hello", colour="red")
    headers = bob.hears("hello")
    assert headers["colour"] == "red" and headers["destination"] == f"/topic/{stage.name}/a", headers
    bob.asks(bob.connection.unsubscribe, "s")
    alice.sends(f"/topic/{stage.name}/a", "unheard")
    bob.hears_nothing()


@feature(*ALL)
def queue_waits_for_its_consumer(stage):
    alice, bob = stage.enter(), stage.enter()
    for body in "123":
        alice.sends(f"/queue/{stage.name}", body)
    bob.subscribes(f"/queue/{stage.name}")
    for body in "123":
        bob.hears(body)


@feature(*ALL)
def acks_all_before(stage):
    alice, bob = stage.enter(), stage.enter()
    bob.subscribes(f"/queue/{stage.name}", ack="client")
    for body in "123":
        alice.sends(f"/queue/{stage.name}", body)
    second = [bob.hears(body) for body in "123"][1]
    bob.acks(second)
    bob.leaves()
    alice.subscribes(f"/queue/{stage.name}")
    assert alice.hears("3")["redelivered"] == "true"


@feature("1.1", "1.2")
def acks_one(stage):
    alice = stage.enter()
    alice.subscribes(f"/queue/{stage.name}", ack="client-individual", headers={"prefetch-count": "2"})
    for body in "123":
        alice.sends(f"/queue/{stage.name}", body)
    second = [alice.hears(body) for body in "12"][1]
    alice.hears_nothing()
    alice.acks(second)
    alice.hears("3")


@feature("1.1", "1.2")
def nacks(stage):
    alice = stage.enter()
    alice.subscribes(f"/queue/{stage.name}", ack="client-individual")
    alice.sends(f"/queue/{stage.name}", "x")
    alice.nacks(alice.hears("x"))
    again = alice.hears("x")
    assert (again["redelivered"], again["delivery-count"]) == ("true", "2"), again
    alice.acks(again)


@feature(*ALL)
def lost_consumer(stage):
    alice, bob = stage.enter(), stage.enter()
    bob.subscribes(f"/queue/{stage.name}", ack="client")
    for body in "12345":
        alice.sends(f"/queue/{stage.name}", body)
    for body in "12345":
        bob.hears(body)
    bob.vanishes()
    alice.subscribes(f"/queue/{stage.name}")
    for body in "12345":
        assert alice.hears(body)["redelivered"] == "true"


@feature(*ALL)
def transaction(stage):
    alice = stage.enter()
    alice.subscribes(f"/topic/{stage.name}")
    first = alice.connection.begin()
    alice.connection.send(f"/topic/{stage.name}", "no", transaction=first)
    alice.connection.abort(first)
    second = alice.connection.begin()
    alice.connection.send(f"/topic/{stage.name}", "yes", transaction=second)
    alice.hears_nothing()
    alice.connection.commit(second)
    alice.hears("yes")


@feature(*ALL)
def request_and_reply(stage):
    asker, answerer = stage.enter(), stage.enter()
    answerer.subscribes(f"/queue/{stage.name}")
    asker.subscribes("/temp-queue/answers")
    asker.sends(f"/queue/{stage.name}", "?", headers={"reply-to": "/temp-queue/answers"})
    answerer.sends(answerer.hears("?")["reply-to"], "!")
    asker.hears("!")


@feature("1.1", "1.2")
def durable_subscription(stage):
    alice = stage.enter()
    bob = stage.enter(**{"client-id": stage.name})
    bob.subscribes(f"/topic/{stage.name}", headers={"durable": "true"})
    bob.leaves()
    alice.sends(f"/topic/{stage.name}", "missed")
    again = stage.enter(**{"client-id": stage.name})
    again.subscribes(f"/topic/{stage.name}", headers={"activemq.subscriptionName": "s"})
    again.hears("missed")
    again.asks(again.connection.unsubscribe, "s", headers={"durable": "true"})


@feature("1.2")
def selector(stage):
    alice = stage.enter()
    alice.subscribes(f"/queue/{stage.name}", selector="colour LIKE 'r%'")
    alice.sends(f"/queue/{stage.name}", "no", colour="blue")
    alice.sends(f"/queue/{stage.name}", "yes", colour="red")
    alice.hears("yes")


@feature("1.1", "1.2")
def heart_beats(stage):
    alice = stage.enter(heartbeats=(400, 400))
    time.sleep(2)
    assert not alice.lost and alice.connection.is_connected()


@feature(*ALL)
def error(stage):
    alice = stage.enter()
    alice.connection.send("/nowhere", "x")
    refused = alice.errors.get(timeout=PATIENCE_S)
    assert refused.headers["message"] == "unknown destination" and "/topic/" in refused.body, refused


@feature(*ALL)
def disconnect_with_receipt(stage):
    alice, bob = stage.enter(), stage.enter()
    for number in range(100):
        alice.connection.send(f"/queue/{stage.name}", str(number))
    alice.connection.disconnect(receipt="bye")
    assert alice.receipts.get(timeout=PATIENCE_S) == "bye"
    bob.subscribes(f"/queue/{stage.name}")
    for number in range(100):
        bob.hears(str(number))


def main():
    port, failed = int(sys.argv[3]), []
    for function, version in FEATURES:
        stage = Stage(function, version, port)
        try:
            function(stage)
            print(f"ok {stage.name}", flush=True)
        except Exception:
            failed.append(f"FAILED {stage.name}\n{traceback.format_exc()}")
        finally:
            stage.end()
    print("\n".join(failed))
    sys.exit(1 if failed else 0)


main()
