"""Publishes while a disk is filled and emptied again, and receives what came of it: paho-mqtt.

    full_disk.py publish|receive PORT DIRECTORY

Each prints a number a line: of the messages that were acknowledged, or that were received.
"""

import os
import queue
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

TOPIC = "full/disk"
PAYLOAD_BYTES = 60_000
QUOTA_EXCEEDED = 0x97
DEADLINE_SECONDS = 60


def connect(port, client_id, expiry, on_message=None):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5)
    client.on_message = on_message
    connected = queue.Queue()
    client.on_connect = lambda *arguments: connected.put(arguments[3])
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = expiry
    client.connect("127.0.0.1", port, clean_start=expiry == 0, properties=properties)
    client.loop_start()
    assert not connected.get(timeout=DEADLINE_SECONDS).is_failure
    return client


def subscribe(client, topic, qos):
    done = queue.Queue()
    client.on_subscribe = lambda *arguments: done.put(arguments)
    client.subscribe(topic, qos)
    done.get(timeout=DEADLINE_SECONDS)


def fill(path):
    """Takes all the room that is left."""
    with open(path, "ab") as file:
        for size in [1 << 20, 1 << 12]:
            try:
                while True:
                    os.write(file.fileno(), b"x" * size)
            except OSError:
                pass


def publish(port, directory):
    away = connect(port, "away", 3600)
    subscribe(away, TOPIC, 1)
    away.disconnect()
    seen = queue.Queue()
    watcher = connect(port, "watcher", 0, lambda client, data, message: seen.put(message.payload))
    subscribe(watcher, "fleeting", 0)
    client = connect(port, "publisher", 0)
    answers = queue.Queue()
    client.on_publish = lambda client, data, mid, reason, properties: answers.put(reason)
    number = 0

    def send():
        """The reason code of the next message."""
        nonlocal number
        number += 1
        client.publish(TOPIC, f"{number} ".encode().ljust(PAYLOAD_BYTES, b"."), qos=1)
        reason = answers.get(timeout=DEADLINE_SECONDS)
        if not reason.is_failure:
            print(number)
        return reason.value

    for _ in range(100):
        assert send() in (0, 0x10)
    other = os.path.join(directory, "somebody-else")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        fill(other)
        # The one that finds the disk full waits for it: nothing was said of it yet.
        client.publish(TOPIC, f"{number + 1} ".encode().ljust(PAYLOAD_BYTES, b"."), qos=1)
        number += 1
        try:
            reason = answers.get(timeout=2)
        except queue.Empty:
            break
        if not reason.is_failure:
            print(number)
        assert time.monotonic() < deadline, "the disk is never full"
    waiting = number
    assert send_refused(port) == QUOTA_EXCEEDED
    watcher.publish("fleeting", b"qos 0 goes on", qos=0)
    assert seen.get(timeout=DEADLINE_SECONDS) == b"qos 0 goes on"
    os.remove(other)
    assert not answers.get(timeout=DEADLINE_SECONDS).is_failure
    print(waiting)
    for count in range(100):
        reason = send()
        assert reason in (0, 0x10), f"refused with {reason:#x} after {count} were taken"


def send_refused(port):
    """What another publisher is told meanwhile."""
    client = connect(port, "other-publisher", 0)
    answers = queue.Queue()
    client.on_publish = lambda client, data, mid, reason, properties: answers.put(reason)
    client.publish(TOPIC, b"refused", qos=1)
    reason = answers.get(timeout=DEADLINE_SECONDS)
    client.disconnect()
    return reason.value


def receive(port):
    numbers = queue.Queue()
    connect(port, "away", 3600, lambda client, data, message: numbers.put(message.payload.split()[0].decode()))
    while True:
        try:
            print(numbers.get(timeout=3))
        except queue.Empty:
            return


if __name__ == "__main__":
    action, port, directory = sys.argv[1:]
    publish(int(port), directory) if action == "publish" else receive(int(port))
    sys.stdout.flush()
    os._exit(0)
