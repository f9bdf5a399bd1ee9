"""Messages by number: what each publisher has sent, and what each subscriber has had of it.

The rules, for every subscriber whose subscription was there before the first message:

* what was acknowledged arrives, with QoS 2 exactly once; what was not may arrive, with QoS 2 at most once
* first arrivals of one publisher's messages on one topic are in the order of their publishing
* on one connection a message arrives at most as often as it has been sent: a repeat needs a reconnection, of the
  publisher, who sends it again, or of the subscriber, to whom it is sent again
"""

from collections import Counter

from account import ACKNOWLEDGED, LOST, ORDER, QOS_2, RECEIVED, TWICE, WRONG


class Ledger:
    def __init__(self, account):
        self.account = account
        self.publishers = {}

    def publisher(self, row, name, topics):
        self.publishers[name] = Sent(self.account, row, name, topics)
        return self.publishers[name]

    def find(self, payload):
        """Whose message that is, and its number; None for what nobody has sent."""
        name, _, rest = payload.decode(errors="replace").partition(" ")
        number = rest.partition(" ")[0]
        sent = self.publishers.get(name)
        if sent is None or not number.isdigit() or not sent.has_sent(int(number), payload):
            return None
        return sent, int(number)


class Sent:
    """The messages of one publisher; they take turns on its topics."""

    def __init__(self, account, row, name, topics):
        self.account = account
        self.row = row
        self.name = name
        self.topics = topics
        self.times = bytearray()  # how often each was sent
        self.acknowledged = []  # when each was
        self.open = set()  # sent and not acknowledged

    def send(self):
        """The next message's number."""
        number = len(self.times)
        self.times.append(1)
        self.acknowledged.append(None)
        self.open.add(number)
        return number

    def send_again(self):
        """A client that has connected again sends whatever is open."""
        for number in self.open:
            self.times[number] = min(self.times[number] + 1, 255)

    def acknowledge(self, number):
        self.open.discard(number)
        self.acknowledged[number] = self.account.moment()
        self.account.count(self.row, ACKNOWLEDGED)

    def topic(self, number):
        return self.topics[number % len(self.topics)]

    def payload(self, number):
        """It says who and which, and is long enough for messages to differ in size, and some to span pages."""
        length = 6000 if number % 50 == 0 else number * 131 % 300
        return f"{self.name} {number} ".encode() + b"." * length

    def has_sent(self, number, payload):
        return number < len(self.times) and payload == self.payload(number)

    def tell(self, number):
        moment = self.acknowledged[number]
        when = f"acknowledged {self.account.tell(moment)}" if moment else "never acknowledged"
        return f"message {number} of {self.name} on {self.topic(number)}, {when}"


class Received:
    """What one subscriber has had of everybody's messages on the topics that it wants."""

    def __init__(self, ledger, row, name, wants):
        self.ledger = ledger
        self.account = ledger.account
        self.row = row
        self.name = name
        self.wants = wants
        self.seen = {}  # publisher: a byte for each number
        self.last = Counter()  # publisher and topic: the highest number
        self.here = Counter()  # publisher and number: how often on this connection

    def has_connected(self):
        self.here.clear()

    def take(self, topic, payload):
        found = self.ledger.find(payload)
        if found is None or found[0].topic(found[1]) != topic or not self.wants(topic):
            self.account.fail(self.row, WRONG, f"{self.name} got {payload[:60]!r} on {topic}, which was not for it")
            return
        sent, number = found
        self.here[sent.name, number] += 1
        if self._is_new(sent, number):
            self.account.count(self.row, RECEIVED)
            if number < self.last[sent.name, topic]:
                after = f"after message {self.last[sent.name, topic]}"
                self.account.fail(self.row, ORDER, f"{self.name} got {sent.tell(number)}, {after}")
            self.last[sent.name, topic] = max(number, self.last[sent.name, topic])
        elif self.row == QOS_2:
            self.account.fail(self.row, TWICE, f"{self.name} got {sent.tell(number)}, once more")
        elif self.here[sent.name, number] > sent.times[number]:
            here = f"{self.here[sent.name, number]} times on one connection"
            times = f"it was sent {sent.times[number]} times"
            self.account.fail(self.row, TWICE, f"{self.name} got {sent.tell(number)}, {here}; {times}")
        else:
            self.account.note(f"{self.row}: repeats after a reconnection")

    def owed(self):
        """What was acknowledged and has not arrived."""
        for sent in self.ledger.publishers.values():
            seen = self._seen_of(sent)
            wanted = [self.wants(topic) for topic in sent.topics]
            for number, moment in enumerate(sent.acknowledged):
                if moment and not seen[number] and wanted[number % len(wanted)]:
                    yield sent, number

    def settle(self):
        for sent, number in self.owed():
            self.account.fail(self.row, LOST, f"{self.name} did not get {sent.tell(number)}")

    def _is_new(self, sent, number):
        seen = self._seen_of(sent)
        is_new = not seen[number]
        seen[number] = 1
        return is_new

    def _seen_of(self, sent):
        seen = self.seen.setdefault(sent.name, bytearray())
        seen.extend(bytes(len(sent.times) - len(seen)))
        return seen
