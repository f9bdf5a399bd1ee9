"""Every feature of mosquitto_pub, _sub and _rr that a broker takes part in: mosquitto_features.py TCP_PORT

One function a feature; each is played in every version of MQTT that has it. Prints `ok NAME`, or `FAILED NAME` and why.
"""

import json
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

from mosquitto_process import PORT, Running, await_seconds, listen, pub, run, sub

FEATURES = []
ALL, FIVE = ("31", "311", "5"), ("5",)


def feature(*versions):
    return lambda function: FEATURES.extend((function, version) for version in versions)


@feature(*ALL)
def every_qos(version, topic):
    for granted in (0, 1, 2):
        subscriber = listen(version, topic, "-q", granted, shape="%t %q %p")
        for qos in (0, 1, 2):
            pub(version, topic, "-q", qos, "-m", "text")
            assert subscriber.message() == f"{topic} {min(granted, qos)} text"
        subscriber.lose()


@feature(*ALL)
def sources_of_payloads(version, topic):
    subscriber = listen(version, topic, "-q", 1, shape="%l %p")
    pub(version, topic, "-l", given="one\ntwo\n")
    pub(version, topic, "-s", given="all\nof it")
    pub(version, topic, "-n")
    pub(version, topic, "-m", "again", "--repeat", 3, "--repeat-delay", 0.01, "-q", 1)
    heard = subscriber.messages(2) + [subscriber.message(), subscriber.line("of it")] + subscriber.messages(4)
    assert heard == ["3 one", "3 two", "9 all", "of it", "0 ", "5 again", "5 again", "5 again"], heard


@feature(*ALL)
def many_lines_exactly_once(version, topic):
    lines = [str(number) for number in range(500)]
    subscriber = listen(version, topic, "-q", 2, "-C", 500)
    pub(version, topic, "-q", 2, "-l", "-M", 50, given="\n".join(lines) + "\n")
    assert subscriber.messages(500) == lines and subscriber.status() == 0


@feature(*ALL)
def resume(version, topic):
    keep = ["-c", "-i", f"resume-{version}", "-q", 2]
    sub(version, topic, *keep, "-E")
    for qos in (1, 2):
        pub(version, topic, "-q", qos, "-m", f"queued {qos}")
    assert sub(version, topic, *keep, "-C", 2, "-F", "%q %p") == ["1 queued 1", "2 queued 2"]


@feature(*FIVE)
def session_expiry(version, topic):
    keep = ["-c", "-i", "expiring", "-q", 1, "-x", 1]
    sub(version, topic, *keep, "-E")
    pub(version, topic, "-q", 1, "-m", "in time")
    assert sub(version, topic, *keep, "-C", 1) == ["in time"]
    await_seconds(topic, 2)
    pub(version, topic, "-q", 1, "-m", "too late")
    subscriber = listen(version, topic, *keep)
    pub(version, topic, "-q", 1, "-m", "new")
    assert subscriber.message() == "new"
    subscriber.lose()


@feature(*FIVE)
def disconnect_properties(version, topic):
    keep = ["-c", "-i", "ending", "-q", 1, "-x", 60]
    sub(version, topic, *keep, "-E", "-D", "disconnect", "session-expiry-interval", 0)
    await_seconds(topic, 1)
    pub(version, topic, "-q", 1, "-m", "to nobody")
    subscriber = listen(version, topic, *keep)
    pub(version, topic, "-q", 1, "-m", "new")
    assert subscriber.message() == "new"
    subscriber.lose()


@feature(*ALL)
def retained_only(version, topic):
    for name in "ab":
        pub(version, f"{topic}/{name}", "-r", "-m", name)
    subscriber = Running("mosquitto_sub", version, "-t", f"{topic}/#", "--retained-only", "-W", 15)
    assert sorted(subscriber.messages(2)) == ["a", "b"]
    pub(version, f"{topic}/live", "-m", "live")
    assert subscriber.status() == 0, "the first message that is not retained ends it"
    assert not any("live" in line and line.startswith("> ") for line in subscriber.heard)


@feature(*ALL)
def no_stale_messages(version, topic):
    pub(version, topic, "-r", "-m", "stale")
    subscriber = listen(version, topic, "-R", "-C", 1)
    pub(version, topic, "-m", "fresh")
    assert subscriber.message() == "fresh" and subscriber.status() == 0


@feature(*ALL)
def remove_retained(version, topic):
    for name in "ab":
        pub(version, f"{topic}/{name}", "-r", "-q", 1, "-m", name)
    remover = listen(version, f"{topic}/#", "--remove-retained", "-q", 1, shape="%r %p")
    assert sorted(message for message in remover.messages(4) if message != "0 ") == ["1 a", "1 b"]
    remover.lose()
    subscriber = listen(version, f"{topic}/#", shape="%r %p")
    pub(version, f"{topic}/end", "-m", "end")
    assert subscriber.message() == "0 end"
    subscriber.lose()


@feature(*FIVE)
def retain_as_published(version, topic):
    subscriber = listen(version, topic, "--retain-as-published", shape="%r %p")
    pub(version, topic, "-r", "-m", "kept")
    assert subscriber.message() == "1 kept"
    subscriber.lose()


@feature(*ALL)
def timeout(version, topic):
    sub(version, topic, "-W", 1, status=27)


@feature(*ALL)
def unsubscribe_and_filter_out(version, topic):
    left, out = f"{topic}/left", f"{topic}/out"
    arguments = ["-t", left, "-U", left, "-T", out]
    if version == "5":
        arguments += ["-D", "unsubscribe", "user-property", "a", "b"]
    subscriber = Running("mosquitto_sub", version, "-t", f"{topic}/+/x", "-t", out, *arguments)
    subscriber.line("UNSUBACK")
    for name in (left, out, f"{topic}/kept/x"):
        pub(version, name, "-m", name)
    assert subscriber.message() == f"{topic}/kept/x"
    subscriber.lose()


@feature(*ALL)
def will(version, topic):
    watcher = listen(version, topic, "-q", 2, shape="%q %p")
    lost = listen(
        version, f"{topic}/none",
        "--will-topic", topic, "--will-payload", "lost", "--will-qos", 2, "--will-retain",
    )
    lost.lose()
    assert watcher.message() == "2 lost"
    assert sub(version, topic, "-C", 1, "-F", "%r %p") == ["1 lost"]
    watcher.lose()


@feature(*FIVE)
def will_properties(version, topic):
    watcher = listen(version, topic, shape="%C %P %p")
    lost = listen(
        version, f"{topic}/none", "-x", 60, "--will-topic", topic, "--will-payload", "late",
        "-D", "will", "will-delay-interval", 1, "-D", "will", "content-type", "farewell",
        "-D", "will", "user-property", "a", "b",
    )
    lost.lose()
    assert watcher.message() == "farewell a:b late"
    watcher.lose()


@feature(*FIVE)
def properties_and_formats(version, topic):
    shape = "%t|%q|%l|%C|%D|%E|%F|%P|%R|%S|%x"
    arguments = ["-D", "subscribe", "subscription-identifier", 77, "-D", "subscribe", "user-property", "a", "b"]
    subscriber = listen(version, topic, "-q", 1, *arguments, shape=shape)
    given = {
        "content-type": "text/plain", "correlation-data": "7", "message-expiry-interval": 60,
        "payload-format-indicator": 1, "response-topic": "answers/here",
    }
    arguments = [word for name, value in given.items() for word in ("-D", "publish", name, value)]
    for value in ("1", "2"):
        arguments += ["-D", "publish", "user-property", "n", value]
    pub(version, topic, "-q", 1, "-m", "hi", *arguments)
    assert subscriber.message() == f"{topic}|1|2|text/plain|7|60|1|n:1 n:2|answers/here|77|6869"
    subscriber.lose()


@feature(*ALL)
def json_format(version, topic):
    subscriber = listen(version, topic, "-q", 1, shape="%j")
    pub(version, topic, "-q", 1, "-m", "hi")
    heard = json.loads(subscriber.message())
    assert (heard["topic"], heard["qos"], heard["retain"], heard["payload"]) == (topic, 1, 0, "hi")
    subscriber.lose()


@feature(*FIVE)
def topic_alias(version, topic):
    subscriber = listen(version, topic, "-q", 1, shape="%t %p")  # it resolves no aliases itself
    pub(version, topic, "-q", 1, "-l", "-D", "publish", "topic-alias", 3, given="a\nb\nc\n")
    assert subscriber.messages(3) == [f"{topic} a", f"{topic} b", f"{topic} c"]
    subscriber.lose()


@feature(*FIVE)
def connect_properties(version, topic):
    limits = ["-D", "connect", "maximum-packet-size", 300, "-D", "connect", "receive-maximum", 2]
    subscriber = listen(version, topic, "-q", 2, *limits, "-D", "connect", "user-property", "a", "b")
    pub(version, topic, "-q", 2, "-m", "x" * 400)
    pub(version, topic, "-q", 2, "-l", given="".join(f"{number}\n" for number in range(50)))
    assert subscriber.messages(50) == [str(number) for number in range(50)]
    subscriber.lose()


@feature("311", "5")
def shared_subscription(version, topic):
    members = [listen(version, f"$share/group/{topic}", "-q", 1, "-C", 10) for _ in range(2)]
    pub(version, topic, "-q", 1, "-l", given="".join(f"{number}\n" for number in range(20)))
    got = [message for member in members for message in member.messages(10)]
    assert sorted(got, key=int) == [str(number) for number in range(20)]


@feature("311", "5")
def request_response(version, topic):
    answerer = listen(version, f"{topic}/ask", "-q", 1, shape="%p %R %D" if version == "5" else "%p")
    options = ["-D", "publish", "correlation-data", "7"] if version == "5" else []
    asker = Running(
        "mosquitto_rr", version, "-t", f"{topic}/ask", "-e", f"{topic}/answer", "-m", "?", "-q", 1, "-W", 15,
        *options, shape="%p %D" if version == "5" else "%p",
    )
    asked = answerer.message()
    assert asked == (f"? {topic}/answer 7" if version == "5" else "?")
    pub(version, f"{topic}/answer", "-q", 1, "-m", "!", *options)
    assert asker.message() == ("! 7" if version == "5" else "!") and asker.status() == 0
    answerer.lose()


@feature(*ALL)
def keep_alive(version, topic):
    subscriber = listen(version, topic, "-k", 5)
    await_seconds(topic, 8)
    assert subscriber.line("PINGRESP") and subscriber.process.poll() is None
    pub(version, topic, "-m", "still here")
    assert subscriber.message() == "still here"
    subscriber.lose()


@feature(*ALL)
def takeover(version, topic):
    first = listen(version, topic, "-i", f"same-{version}")
    second = listen(version, topic, "-i", f"same-{version}")
    # It is told why in MQTT 5; before, it comes back by itself and takes over in its turn.
    first.line("DISCONNECT (142)" if version == "5" else "CONNACK")
    first.lose()
    second.lose()


@feature("311")
def url_and_other_options(version, topic):
    url = ["-L", f"mqtt://127.0.0.1:{PORT[0]}/{topic}"]
    subscriber = Running("mosquitto_sub", version, *url, "-I", "prefix", "--nodelay", "-A", "127.0.0.1", "-C", "1")
    subscriber.line("Subscribed")
    run("mosquitto_pub", version, *url, "-m", "by URL", "-u", "name", "-P", "word", "-I", "prefix")
    assert subscriber.message() == "by URL" and subscriber.status() == 0


def play(played):
    function, version = played
    name = f"{function.__name__} {version}"
    try:
        function(version, f"{function.__name__}/{version}")
        return f"ok {name}"
    except Exception:  # the reader wants to know of each
        return f"FAILED {name}\n{traceback.format_exc()}"


def main():
    PORT.append(int(sys.argv[1]))
    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(play, FEATURES))
    print("\n".join(results))
    sys.exit(any(result.startswith("FAILED") for result in results))


main()
