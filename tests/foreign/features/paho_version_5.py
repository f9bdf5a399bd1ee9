"""paho-mqtt's features that came with MQTT 5."""

from paho.mqtt.subscribeoptions import SubscribeOptions

from paho_client import IS_1, properties
from paho_stage import FIVE, WITH_WILL, feature


@feature(*FIVE)
def unsubscribe_reasons(case):
    client = case.enter()
    client.subscribe(case.topic)
    assert client.unsubscribe(case.topic) == [0]
    assert client.unsubscribe([case.topic, "never/there"]) == [0x11, 0x11]


@feature(*FIVE)
def publish_reasons(case):
    client = case.enter()
    assert client.publish(case.topic, "to nobody", 1) == (0 if IS_1 else 0x10)
    assert client.publish(case.topic, "to nobody", 2) in (0, 0x10)


@feature(*FIVE)
def message_properties(case):
    given = properties(
        "PUBLISH", PayloadFormatIndicator=1, MessageExpiryInterval=60, ContentType="text/plain",
        ResponseTopic="answers/here", CorrelationData=b"\0\xff", UserProperty=[("n", "1"), ("n", "2"), ("a", "")],
    )
    client = case.enter()
    client.subscribe(case.topic)
    client.publish(case.topic, "text", given=given)
    heard = client.message().properties
    assert (heard.PayloadFormatIndicator, heard.MessageExpiryInterval) == (1, 60)
    assert (heard.ContentType, heard.ResponseTopic) == ("text/plain", "answers/here")
    assert heard.CorrelationData == b"\0\xff"
    assert heard.UserProperty == [("n", "1"), ("n", "2"), ("a", "")]


@feature(*FIVE)
def request_response(case):
    asker, answerer = case.enter("a"), case.enter("b")
    answerer.subscribe(f"{case.topic}/ask")
    asker.subscribe(f"{case.topic}/answer")
    asked = properties("PUBLISH", ResponseTopic=f"{case.topic}/answer", CorrelationData=b"7")
    asker.publish(f"{case.topic}/ask", "?", given=asked)
    question = answerer.message().properties
    answered = properties("PUBLISH", CorrelationData=question.CorrelationData)
    answerer.publish(question.ResponseTopic, "!", given=answered)
    answer = asker.message()
    assert (answer.payload, answer.properties.CorrelationData) == (b"!", b"7")


@feature(*FIVE)
def no_local(case):
    client, other = case.enter("a"), case.enter("b")
    client.subscribe(case.topic, options=SubscribeOptions(1, noLocal=True))
    client.publish(case.topic, "own")
    other.publish(case.topic, "other's")
    assert client.payloads(1) == ["other's"]


@feature(*FIVE)
def retain_as_published(case):
    client = case.enter()
    for as_published in (False, True):
        client.subscribe(case.topic, options=SubscribeOptions(1, retainAsPublished=as_published, retainHandling=2))
        client.publish(case.topic, "kept", retain=True)
        assert client.message().retain == as_published
    client.publish(case.topic, None, retain=True)


@feature(*FIVE)
def retain_handling(case):
    client = case.enter()
    client.publish(case.topic, "kept", retain=True)
    # 1 sends to a new subscription, 1 again does not, 0 always does, 2 never.
    for handling, is_sent in ((1, True), (1, False), (0, True), (2, False)):
        client.subscribe(case.topic, options=SubscribeOptions(1, retainHandling=handling))
        if is_sent:
            assert client.payloads(1) == ["kept"]
        client.hears_nothing()
    client.publish(case.topic, None, retain=True)


@feature(*FIVE)
def subscription_identifiers(case):
    client = case.enter()
    for number, filter in ((1, case.topic), (268_435_455, f"{case.topic}/#")):
        client.subscribe(filter, properties=properties("SUBSCRIBE", SubscriptionIdentifier=number))
    client.publish(case.topic, "both")
    assert sorted(client.message().properties.SubscriptionIdentifier) == [1, 268_435_455]
    client.hears_nothing()


@feature(*FIVE)
def topic_alias(case):
    client = case.enter()
    assert client.given.TopicAliasMaximum > 0
    client.subscribe(case.topic)
    for topic in (case.topic, "", ""):
        client.publish(topic, "aliased", given=properties("PUBLISH", TopicAlias=1))
        assert client.message().topic == case.topic
    client.paho.publish("x", "y", 1, properties=properties("PUBLISH", TopicAlias=client.given.TopicAliasMaximum + 1))
    assert client.endings.get(timeout=15) == 0x94


@feature(*FIVE)
def receive_maximum(case):
    given = properties("CONNECT", ReceiveMaximum=2)
    options = {} if IS_1 else {"manual_ack": True}  # 1.x acknowledges by itself
    client, publisher = case.enter("s", properties=given, **options), case.enter("p")
    assert client.given.ReceiveMaximum > 0
    client.subscribe(case.topic, 1)
    for number in range(20):
        publisher.publish(case.topic, str(number))
    for number in range(20):
        client.unsubscribe("no/such/filter")  # by its answer, all that may be sent has been
        message = client.message()
        assert message.payload.decode() == str(number)
        if not IS_1:
            assert client.messages.qsize() <= 1, "more than two under way"
            client.paho.ack(message.mid, message.qos)


@feature(*FIVE)
def maximum_packet_size(case):
    client = case.enter("s", properties=properties("CONNECT", MaximumPacketSize=300))
    publisher = case.enter("p")
    assert client.given.MaximumPacketSize > 0
    client.subscribe(case.topic)
    publisher.publish(case.topic, "x" * 400)
    publisher.publish(case.topic, "fits")
    assert client.payloads(1) == ["fits"]


@feature(*FIVE)
def message_expiry(case):
    client, publisher = case.leaving(), case.enter("p")
    client.subscribe(case.topic)
    case.leave(client)
    publisher.publish(case.topic, "short", given=properties("PUBLISH", MessageExpiryInterval=1))
    publisher.publish(case.topic, "long", given=properties("PUBLISH", MessageExpiryInterval=60))
    case.await_seconds(2)
    client.open()
    message = client.message()
    assert message.payload == b"long" and 50 <= message.properties.MessageExpiryInterval <= 58
    client.hears_nothing()


@feature(*FIVE)
def session_expiry(case):
    client = case.lasting("s", seconds=1)
    client.open()
    client.close()
    assert client.open(), "it is kept for a second"
    client.close()
    case.await_seconds(2)
    assert not client.open(), "and gone after it"


@feature(*FIVE)
def will_delay_and_properties(case):
    watcher, lost, back = case.enter("w"), case.lasting("l"), case.lasting("b")
    watcher.subscribe(f"{case.topic}/#")
    for client, topic in ((back, "back"), (lost, "lost")):
        given = properties("WILLMESSAGE", WillDelayInterval=1, ContentType="farewell", UserProperty=("a", "b"))
        client.paho.will_set(f"{case.topic}/{topic}", topic, 1, properties=given)
        client.open()
        client.lose()
        if client is back:
            assert client.resume(), "back in time: no will"
    message = watcher.message()
    assert (message.payload, message.properties.ContentType) == (b"lost", "farewell")
    assert message.properties.UserProperty == [("a", "b")]
    watcher.hears_nothing()


@feature(*FIVE)
def disconnect_with_will(case):
    watcher, leaver = case.enter("w"), case.client("l")
    watcher.subscribe(case.topic)
    leaver.paho.will_set(case.topic, "all the same")
    leaver.open()
    leaver.close(reasoncode=WITH_WILL)
    assert watcher.payloads(1) == ["all the same"]


@feature(*FIVE)
def disconnect_with_session_expiry(case):
    client = case.leaving()
    case.leave(client, SessionExpiryInterval=0)
    assert not client.open()


@feature(*FIVE)
def server_keep_alive(case):
    client = case.client("k")
    client.open(keepalive=10_000)
    assert client.given.ServerKeepAlive < 10_000
