// What is said to whom: the topics, the messages that have come, and who is here.
//
//   demo/chat/here/ID                 retained: the name of somebody who is here; empty when they have gone (by their will)
//   demo/chat/room/ROOM/FROM/SLOT     retained: one of the last ten messages that FROM has sent to the room
//   demo/chat/to/ID/FROM/SLOT         the same, for ID alone
//
// Everybody writes to topics of their own only. A broker with access rules can hold them to that: allow `publish` on
// `demo/chat/here/%c`, `demo/chat/room/+/%c/+` and `demo/chat/to/+/%c/+`, `subscribe` on `demo/chat/to/%c/#`, and so on.

import { isTime } from '../kit/dom.js';
import { remember } from '../kit/identity.js';
import { connectMqtt, parse, subscribeAlways } from '../kit/mqtt.js';

const ROOT = 'demo/chat';
/** Messages that each writer leaves behind in a conversation, for those who come later. */
const SLOTS = 10;
/** How long they are of interest, in seconds. */
const KEPT = 86_400;
/** How long the broker keeps a session, in seconds: who comes back until then has missed nothing. */
const SESSION = 3_600;
/** A reload or a short loss of the network is not worth a word to the others, in seconds. */
const GRACE = 5;
/** Messages of a conversation that a page holds; older ones go. */
const MESSAGES_MAX = 500;

export class Talk {
  /** Who is here: name by identifier. */
  people = new Map();
  /** Messages by conversation, which is 'room/NAME' or 'to/ID', in the order of their times. */
  conversations = new Map();

  /** `onChange(what)` is called with 'people', or with a conversation and its new message. */
  constructor(self, onChange) {
    this.self = self;
    this.onChange = onChange;
    const here = `${ROOT}/here/${self.id}`;
    const { client, connection } = connectMqtt({
      clientId: self.id,
      sessionSeconds: SESSION,
      will: { topic: here, payload: '', qos: 1, retain: true, properties: { willDelayInterval: GRACE } },
    });
    this.client = client;
    this.connection = connection;
    subscribeAlways(client, [
      `${ROOT}/here/+`, `${ROOT}/room/#`, `${ROOT}/to/${self.id}/#`, `${ROOT}/to/+/${self.id}/#`,
    ]);
    // The will may have spoken meanwhile.
    client.on('connect', () => this.announce());
    client.on('message', (topic, payload, packet) => this.#receive(topic.split('/').slice(2), payload, packet.retain));
  }

  /** Tells the others that we are here, and what we are called. */
  announce() {
    const payload = JSON.stringify({ name: this.self.name });
    this.client.publish(`${ROOT}/here/${this.self.id}`, payload, { qos: 1, retain: true });
  }

  rename(name) {
    this.self.name = name;
    remember('chat', this.self);
    this.announce();
  }

  /** Says something in a conversation. Without a connection it waits in this page, and goes out with the next one. */
  say(conversation, text) {
    this.self.sent = (this.self.sent ?? 0) + 1;
    remember('chat', this.self);
    const { id, name, sent } = this.self;
    const message = { id: `${id}-${sent}`, name, text, at: Date.now() };
    this.#add(conversation, { ...message, from: id, isWaiting: true });
    const topic = `${ROOT}/${conversation}/${id}/${sent % SLOTS}`;
    this.client.publish(topic, JSON.stringify(message), {
      qos: 1, retain: true, properties: { messageExpiryInterval: KEPT },
    }, error => {
      if (!error) this.#add(conversation, { ...message, from: id });
    });
  }

  #receive([kind, ...levels], payload, isOld) {
    const said = payload.length > 0 ? parse(payload) : null;
    if (kind === 'here') {
      const [id] = levels;
      if (typeof said?.name === 'string') this.people.set(id, said.name.slice(0, 24));
      else this.people.delete(id);
      this.onChange('people');
      return;
    }
    const [to, from] = levels;
    if (levels.length !== 3 || typeof said?.text !== 'string' || !isTime(said.at)) return;
    const conversation = kind === 'room' ? `room/${to}` : `to/${from === this.self.id ? to : from}`;
    const { id, name, text, at } = said;
    this.#add(conversation, {
      id: String(id), name: String(name).slice(0, 24), text: text.slice(0, 2_000), at: Math.min(at, Date.now()), from, isOld,
    });
  }

  /** The same message may come more than once: QoS 1, and what is retained besides. */
  #add(conversation, message) {
    if (!this.conversations.has(conversation)) this.conversations.set(conversation, []);
    const messages = this.conversations.get(conversation);
    const held = messages.find(({ id }) => id === message.id);
    if (held) {
      if (held.isWaiting && !message.isWaiting) {
        held.isWaiting = false;
        this.onChange(conversation, null);
      }
      return;
    }
    messages.push(message);
    messages.sort((one, other) => one.at - other.at);
    messages.splice(0, messages.length - MESSAGES_MAX);
    this.onChange(conversation, message);
  }
}
