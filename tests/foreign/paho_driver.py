"""Drives paho-mqtt: MQTT 3.1, 3.1.1 and 5.0, over tcp (mqtt://, mqtts://) and WebSocket (ws://).

    connect     {url, version: "3.1" | "3.1.1" | "5", client_id, clean, session_expiry, local_address, user_name,
                password, tls: {ca, cert, key}} -> connected {session_present}; what `tls` names are files
    subscribe   {topic, qos, retain_as_published, retain_handling, no_local, subscription_id} -> subscribed {granted}
    publish     {topic, payload, qos, retain, properties} -> published, once acknowledged (QoS 0: once written)
    disconnect  {} -> closed

Each message: message {topic, payload, qos, retain, dup, properties}.
"""

from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from wire import emit, from_base64, serve, to_base64

PROTOCOLS = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5": mqtt.MQTTv5}

# Our name for each property of a message, and paho's.
PROPERTIES = {
    "payload_format": "PayloadFormatIndicator",
    "expiry": "MessageExpiryInterval",
    "content_type": "ContentType",
    "response_topic": "ResponseTopic",
    "correlation": "CorrelationData",
    "user": "UserProperty",
    "subscription_ids": "SubscriptionIdentifier",
}

clients = {}


def connect(
    name,
    url,
    version,
    client_id,
    clean=True,
    session_expiry=None,
    topic_alias_maximum=None,
    local_address="",
    user_name=None,
    password=None,
    tls=None,
):
    del topic_alias_maximum  # paho does not resolve aliases that a broker makes, so it never offers to
    address = urlsplit(url)
    is_version_5 = version == "5"
    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if is_version_5 else clean,
        protocol=PROTOCOLS[version],
        transport="websockets" if address.scheme == "ws" else "tcp",
        reconnect_on_failure=False,
    )
    client.max_inflight_messages = 20
    if address.scheme == "ws":
        client.ws_set_options(path=address.path or "/")
    if user_name is not None:
        client.username_pw_set(user_name, password)
    if tls is not None:
        client.tls_set(tls["ca"], tls.get("cert"), tls.get("key"))
    client.on_connect = lambda _c, _u, flags, reason, _p: on_connect(name, flags, reason)
    client.on_subscribe = lambda _c, _u, _mid, reasons, _p: emit("subscribed", name, granted=reasons[0].value)
    client.on_publish = lambda _c, _u, _mid, reason, _p: on_publish(name, reason)
    client.on_disconnect = lambda _c, _u, _flags, reason, _p: emit("closed", name, reason=str(reason))
    client.on_message = lambda _c, _u, message: on_message(name, message)
    clients[name] = client
    options = {}
    if is_version_5:
        options["clean_start"] = clean
        if session_expiry is not None:
            options["properties"] = Properties(PacketTypes.CONNECT)
            options["properties"].SessionExpiryInterval = session_expiry
    client.connect(address.hostname, address.port, bind_address=local_address, **options)
    client.loop_start()


def subscribe(name, topic, qos, retain_as_published=False, retain_handling=0, no_local=False, subscription_id=None):
    client = clients[name]
    if client.protocol != mqtt.MQTTv5:
        client.subscribe(topic, qos)
        return
    properties = Properties(PacketTypes.SUBSCRIBE)
    if subscription_id is not None:
        properties.SubscriptionIdentifier = subscription_id
    options = SubscribeOptions(qos, no_local, retain_as_published, retain_handling)
    client.subscribe(topic, options=options, properties=properties)


def publish(name, topic, payload, qos, retain=False, properties=None):
    clients[name].publish(topic, from_base64(payload), qos, retain, write_properties(properties))


def disconnect(name):
    clients[name].disconnect()


def on_connect(name, flags, reason):
    if reason.is_failure:
        emit("error", name, message=str(reason), code=reason.value)
    else:
        emit("connected", name, session_present=flags.session_present)


def on_publish(name, reason):
    if reason.is_failure:
        emit("error", name, message=str(reason), code=reason.value)
    else:
        emit("published", name)


def on_message(name, message):
    emit(
        "message",
        name,
        topic=message.topic,
        payload=to_base64(message.payload),
        qos=message.qos,
        retain=message.retain,
        dup=message.dup,
        properties=read_properties(message.properties),
    )


def read_properties(properties):
    read = {}
    for ours, paho in PROPERTIES.items():
        if properties is not None and hasattr(properties, paho):
            value = getattr(properties, paho)
            read[ours] = to_base64(value) if ours == "correlation" else value
    return read


def write_properties(values):
    if values is None:
        return None
    properties = Properties(PacketTypes.PUBLISH)
    for ours, value in values.items():
        if ours == "correlation":
            value = from_base64(value)
        elif ours == "user":
            value = [tuple(pair) for pair in value]
        setattr(properties, PROPERTIES[ours], value)
    return properties


serve({"connect": connect, "subscribe": subscribe, "publish": publish, "disconnect": disconnect})
