// Where a feature of MQTT.js is played, and the list of all.

import { Client } from './mqttjs_client.mjs';

console.warn = () => {};
export const ALL = ['3.1', '3.1.1', '5'];
export const FIVE = ['5'];
export const features = [];
export const feature = (versions, play) => features.push({ versions, play });

/** The library's promises have no deadline of their own. */
async function late() {
  await new Promise(resolve => { setTimeout(resolve, 20_000).unref(); });
  throw new Error('it does not come to its end');
}

/** A stage of its own: clients and topics whose names nobody else has. */
export class Case {
  constructor(play, version, [transport, url], number) {
    Object.assign(this, { play, version, url, number, clients: [] });
    this.name = `${play.name} ${version} ${transport}`;
    this.topic = `${play.name}/${version}/${transport}`;
    this.tellsOfSessions = version !== '3.1'; // its CONNACK has no session present
  }

  open(name = 'c', options = {}, version = this.version) {
    const client = new Client(this.url, version, `${name}-${this.number}`, options);
    this.clients.push(client);
    return client;
  }

  enter(name, options) {
    return this.open(name, options).connected();
  }

  /** A client whose session outlives its connection. */
  lasting(name, seconds = 60, options = {}) {
    const properties = { sessionExpiryInterval: seconds, ...options.properties };
    return this.enter(name, { ...options, clean: false, ...(this.version === '5' && { properties }) });
  }

  /** Until a will with that delay is published: the broker's own clock. */
  async seconds(delay) {
    const watcher = await this.open('watcher', {}, '5').connected();
    await watcher.subscribe(`${this.topic}/clock`);
    const lost = await this.open('lost', {
      properties: { sessionExpiryInterval: 60 },
      will: { topic: `${this.topic}/clock`, payload: '', qos: 0, properties: { willDelayInterval: delay } },
    }, '5').connected();
    await lost.lose();
    await watcher.message();
  }

  async run() {
    try {
      await Promise.race([this.play(this), late()]);
      return `ok ${this.name}`;
    } catch (error) {
      return `FAILED ${this.name}\n${error.stack}\n${this.clients.flatMap(client => client.errors).join('\n')}`;
    } finally {
      for (const client of this.clients) client.mqtt.end(true);
    }
  }
}
