// An MQTT.js client that keeps what it hears, with a deadline for everything that is waited for.

import { once } from 'node:events';
import mqtt from 'mqtt';

export const VERSIONS = {
  '3.1': { protocolId: 'MQIsdp', protocolVersion: 3 },
  '3.1.1': { protocolId: 'MQTT', protocolVersion: 4 },
  '5': { protocolId: 'MQTT', protocolVersion: 5 },
};
const DEADLINE = 15_000;

export class Client {
  constructor(url, version, clientId, options) {
    this.mqtt = mqtt.connect(url, { ...VERSIONS[version], clientId, reconnectPeriod: 0, ...options });
    this.queue = [];
    this.packets = [];
    this.waiting = [];
    this.errors = [];
    this.mqtt.on('error', error => this.errors.push(error));
    this.mqtt.on('packetreceive', packet => this.packets.push(packet));
    this.mqtt.on('message', (topic, payload, packet) => {
      const message = { ...packet, topic, payload: payload.toString(), properties: packet.properties ?? {} };
      const waiting = this.waiting.shift();
      if (waiting) waiting(message);
      else this.queue.push(message);
    });
  }

  /** Waits for an event of the library. */
  event(name) {
    return once(this.mqtt, name, { signal: AbortSignal.timeout(DEADLINE) });
  }

  async connected() {
    [this.connack] = await this.event('connect');
    return this;
  }

  message() {
    if (this.queue.length > 0) return Promise.resolve(this.queue.shift());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no message came')), DEADLINE);
      this.waiting.push(message => { clearTimeout(timer); resolve(message); });
    });
  }

  async payloads(count) {
    const payloads = [];
    while (payloads.length < count) payloads.push((await this.message()).payload);
    return payloads;
  }

  /** An exchange whose answer comes after all that was to come before it, since the broker answers in order. */
  async settle() {
    await this.mqtt.unsubscribeAsync('no/such/filter');
  }

  async hearsNothing() {
    await this.settle();
    if (this.queue.length > 0) throw new Error(`unexpected: ${this.queue[0].payload}`);
  }

  /** The reason codes of UNSUBACK. */
  unsubscribe(topics) {
    return new Promise((resolve, reject) => {
      this.mqtt.unsubscribe(topics, (error, packet) => (error ? reject(error) : resolve(packet)));
    });
  }

  subscribe(topic, options = { qos: 2 }) {
    return this.mqtt.subscribeAsync(topic, options);
  }

  publish(topic, payload, options = { qos: 1 }) {
    return this.mqtt.publishAsync(topic, payload, options);
  }

  /** Loses the connection without a word. */
  async lose() {
    const closed = this.event('close');
    this.mqtt.stream.destroy();
    await closed;
  }

  async reconnect() {
    const connected = this.connected();
    this.mqtt.reconnect();
    await connected;
  }
}
