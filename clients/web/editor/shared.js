// A Yjs document, shared over MQTT.
//
//   demo/editor/NAME/update      a change, as Yjs encodes it
//   demo/editor/NAME/ask         what somebody has (a state vector), who has just come; Response Topic says where to answer
//   demo/editor/NAME/answer/ID   what they lack
//   demo/editor/NAME/state       retained: the whole document, for who comes when nobody else is here
//   demo/editor/NAME/caret/ID    where somebody writes (JSON); empty when they have gone

import * as Y from 'yjs';
import { connectMqtt, parse, subscribeAlways } from '../kit/mqtt.js';

/** The origin of changes that came from the broker: they are not sent again. */
const BROKER = 'broker';
/** How long a writer waits before the whole document is retained anew, in milliseconds. */
const STATE_DELAY = 1_500;
/** The shortest time between two carets of the same writer, in milliseconds. */
const CARET_DELAY = 100;

export class SharedText {
  doc = new Y.Doc();
  text = this.doc.getText('text');
  /** Others who are here: name and place by identifier. */
  people = new Map();
  #held = null;
  #stateTimer = null;
  #caretTimer = null;
  #caret = null;

  /** `onPeople()` is called when somebody comes, moves or goes. */
  constructor(name, self, onPeople) {
    this.self = self;
    this.root = `demo/editor/${name}`;
    this.onPeople = onPeople;
    this.caretTopic = `${this.root}/caret/${self.id}`;
    const { client, connection } = connectMqtt({
      clientId: `editor-${self.id}`,
      will: { topic: this.caretTopic, payload: '', qos: 1, retain: false },
    });
    this.client = client;
    this.connection = connection;
    // What we send ourselves does not come back (No Local).
    const options = { qos: 1, nl: true };
    subscribeAlways(client, [`${this.root}/update`, `${this.root}/ask`, `${this.root}/state`, `${this.root}/caret/+`,
      `${this.root}/answer/${self.id}`], options);
    client.on('connect', () => {
      this.#ask();
      this.#keepSoon(STATE_DELAY);
    });
    client.on('message', (topic, payload, packet) => this.#receive(topic.slice(this.root.length + 1), payload, packet));
    // Without a connection, MQTT.js keeps what is to be sent, and sends it in order with the next one.
    this.doc.on('update', (update, origin) => {
      if (origin === BROKER) return;
      client.publish(`${this.root}/update`, update, { qos: 1 });
      this.#keepSoon(STATE_DELAY);
    });
  }

  /** Changes of others wait until `release`: while an input method composes, the text must not move. */
  hold() {
    this.#held ??= [];
  }

  release() {
    const held = this.#held ?? [];
    this.#held = null;
    for (const update of held) this.#apply(update);
  }

  /** Tells the others where we write: from `anchor` to `head`. */
  moveTo(anchor, head) {
    const place = index => Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(this.text, index));
    this.#caret = { name: this.self.name, anchor: place(anchor), head: place(head) };
    this.#caretTimer ??= setTimeout(() => this.#sendCaret(), CARET_DELAY);
  }

  /** Where somebody writes, as an index, or null: the place may be in what we do not have yet. */
  placeOf({ head }) {
    try {
      return Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(head), this.doc)?.index ?? null;
    } catch {
      return null;
    }
  }

  #receive(what, payload, { properties }) {
    if (what === 'ask') {
      this.#answer(payload, properties?.responseTopic);
    } else if (what === 'state') {
      this.#apply(payload);
      this.#compare(payload);
    } else if (what.startsWith('caret/')) {
      const caret = payload.length > 0 ? parse(payload) : null;
      if (typeof caret?.name === 'string') this.people.set(what.slice(6), caret);
      else this.people.delete(what.slice(6));
      this.onPeople();
    } else {
      this.#apply(payload);
    }
  }

  /** Anybody may publish anything: what is no change of a document is left alone. */
  #apply(update) {
    if (this.#held) {
      this.#held.push(update);
      return;
    }
    try {
      Y.applyUpdate(this.doc, update, BROKER);
    } catch (error) {
      console.info('Not a change of a document:', error);
    }
  }

  /** Says what we have, and where what we lack should go. */
  #ask() {
    this.people.clear();
    this.onPeople();
    this.client.publish(`${this.root}/ask`, Y.encodeStateVector(this.doc), {
      qos: 1, properties: { responseTopic: `${this.root}/answer/${this.self.id}` },
    });
    this.#caretTimer ??= setTimeout(() => this.#sendCaret(), CARET_DELAY);
  }

  #answer(vector, topic) {
    if (!topic?.startsWith(`${this.root}/answer/`)) return;
    try {
      this.client.publish(topic, Y.encodeStateAsUpdate(this.doc, vector), { qos: 1 });
    } catch (error) {
      console.info('Not a state vector:', error);
    }
    this.#sendCaret();
  }

  #sendCaret() {
    this.#caretTimer = null;
    // A place of which nobody learned in time is of no interest later.
    if (!this.connection.isOpen) return;
    this.client.publish(this.caretTopic, JSON.stringify(this.#caret ?? { name: this.self.name }), { qos: 0 });
  }

  /** Two writers may overwrite each other's retained document. Whoever sees that it lacks something mends it, by chance first. */
  #compare(state) {
    const retained = new Y.Doc();
    try {
      Y.applyUpdate(retained, state);
    } catch {
      // It is no document at all, and so lacks everything.
    }
    clearTimeout(this.#stateTimer);
    this.#stateTimer = null;
    if (!Y.equalSnapshots(Y.snapshot(retained), Y.snapshot(this.doc))) this.#keepSoon(STATE_DELAY * (0.5 + Math.random()));
  }

  #keepSoon(delay) {
    this.#stateTimer ??= setTimeout(() => {
      this.#stateTimer = null;
      if (!this.connection.isOpen || this.doc.store.clients.size === 0) return;
      this.client.publish(`${this.root}/state`, Y.encodeStateAsUpdate(this.doc), { qos: 1, retain: true });
    }, delay);
  }
}
