"""paho-mqtt's features that MQTT had before version 5, or that are not its own."""

from paho_client import Client
from paho_stage import ALL, feature


@feature(*ALL)
def every_qos(case):
    client = case.enter()
    for granted in (0, 1, 2):
        assert client.subscribe(case.topic, granted) == [granted]
        for qos in (0, 1, 2):
            client.publish(case.topic, f"{granted}{qos}", qos)
            message = client.message()
            assert (message.payload.decode(), message.qos) == (f"{granted}{qos}", min(granted, qos))


@feature(*ALL)
def many_exactly_once(case):
    publisher, subscriber = case.enter("p"), case.enter("s")
    subscriber.subscribe(case.topic, 2)
    sent = [publisher.paho.publish(case.topic, str(number), 2) for number in range(300)]
    assert subscriber.payloads(300) == [str(number) for number in range(300)]
    for info in sent:
        publisher.await_answer(info.mid)
    subscriber.hears_nothing()


@feature(*ALL)
def large_payload(case):
    client, payload = case.enter(), bytes(range(256)) * 8192
    client.subscribe(case.topic)
    client.publish(case.topic, payload, 2)
    assert client.message().payload == payload


@feature(*ALL)
def retained(case):
    client = case.enter()
    client.publish(case.topic, "kept", 1, retain=True)
    client.subscribe(case.topic)
    message = client.message()
    assert (message.payload, message.retain) == (b"kept", True)
    client.publish(case.topic, None, 1, retain=True)
    assert client.message().payload == b""
    client.unsubscribe(case.topic)
    client.subscribe(case.topic)
    client.hears_nothing()


@feature(*ALL)
def session_resume(case):
    client, publisher = case.lasting("s"), case.enter("p")
    assert not client.open()
    client.subscribe(case.topic)
    client.close()
    for qos in (1, 2):
        publisher.publish(case.topic, f"queued {qos}", qos)
    client.clean = False
    assert client.open() == case.tells_of_sessions
    assert client.payloads(2) == ["queued 1", "queued 2"]
    client.close()
    assert not case.client("s").open(), "a clean start ends it"
    assert not case.lasting("s").open()


@feature(*ALL)
def inflight_over_reconnect(case):
    publisher, subscriber = case.lasting("p"), case.enter("s")
    subscriber.subscribe(case.topic)
    publisher.open()
    for number in range(100):
        publisher.paho.publish(case.topic, str(number), 2)
    publisher.lose()
    assert publisher.resume() == case.tells_of_sessions
    assert sorted(subscriber.payloads(100), key=int) == [str(number) for number in range(100)]
    subscriber.hears_nothing()


@feature(*ALL)
def will(case):
    watcher, lost, polite = case.enter("w"), case.client("l"), case.client("p")
    watcher.subscribe(case.topic)
    polite.paho.will_set(case.topic, "wrong", 1)
    polite.open()
    polite.close()
    lost.paho.will_set(case.topic, "lost", 2, retain=True)
    lost.open()
    lost.lose()
    message = watcher.message()
    assert (message.payload, message.qos) == (b"lost", 2)
    watcher.subscribe(case.topic)
    assert watcher.message().retain
    watcher.publish(case.topic, None, retain=True)


@feature(*ALL)
def takeover(case):
    first = case.enter("same")
    second = case.enter("same")
    ending = first.endings.get(timeout=15)
    assert case.version != "5" or ending == 0x8E, f"session taken over: {ending}"
    second.hears_nothing()


@feature(*ALL)
def keep_alive(case):
    client = case.client("k")
    client.open(keepalive=2)
    client.subscribe(case.topic)
    case.await_seconds(4)  # longer than the broker would wait without pings
    client.publish(case.topic, "still here")
    assert client.payloads(1) == ["still here"] and client.endings.empty()


@feature("3.1.1", "5")
def shared_subscription(case):
    members, publisher = [case.enter(f"m{number}") for number in range(3)], case.enter("p")
    for member in members:
        member.subscribe(f"$share/group/{case.topic}", 1)
    for number in range(30):
        publisher.publish(case.topic, str(number))
    for member in members:
        member.unsubscribe("no/such/filter")  # by its answer, its share has come
    got = [message.payload.decode() for member in members for message in list(member.messages.queue)]
    assert sorted(got, key=int) == [str(number) for number in range(30)]


@feature("3.1.1", "5")
def no_client_id(case):
    client = Client(case.place, "", case.version)
    case.clients.append(client)
    client.open()
    assert case.version != "5" or client.given.AssignedClientIdentifier
