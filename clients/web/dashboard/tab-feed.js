// A source of measurements that needs no terminal: this tab measures itself, twice a second.
//
// Its last message is retained, so that whoever opens the page later sees it at once; when it stops, or its tab is closed or
// dies (then by its will), an empty retained message takes it away.

import { connectMqtt } from '../kit/mqtt.js';
import { every } from '../kit/ticker.js';

/** How often it measures, in milliseconds. */
const PERIOD = 500;

export class TabFeed {
  constructor(clientId, topic) {
    this.topic = topic;
    this.client = connectMqtt({ clientId, will: { topic, payload: '', retain: true } }).client;
    this.distance = 0;
    this.roundTrip = null;
    this.due = performance.now() + PERIOD;
    this.moved = event => { this.distance += Math.hypot(event.movementX, event.movementY); };
    addEventListener('pointermove', this.moved);
    this.stopTicks = every(PERIOD, () => this.measure());
  }

  /** One's own message comes back, as everybody's does: that is once to the broker and back. */
  heard() {
    if (this.sent) this.roundTrip = performance.now() - this.sent;
    this.sent = null;
  }

  measure() {
    const now = performance.now();
    const late = Math.max(0, now - this.due);
    this.due = now + PERIOD;
    const distance = this.distance;
    this.distance = 0;
    // What is measured while nobody can hear it is of no use later.
    if (!this.client.connected) return;
    const measured = {
      at: Math.round(Date.now() / 1000),
      'timer delay (ms)': round(late),
      'pointer speed (px/s)': round(distance * 1000 / PERIOD),
      ...(this.roundTrip !== null && { 'round trip (ms)': round(this.roundTrip) }),
      // Chromium alone says this.
      ...(performance.memory && { 'script memory (MB)': round(performance.memory.usedJSHeapSize / 1e6) }),
    };
    this.sent = now;
    this.client.publish(this.topic, JSON.stringify(measured), { retain: true });
  }

  stop() {
    this.stopTicks();
    removeEventListener('pointermove', this.moved);
    this.client.publish(this.topic, '', { retain: true });
    this.client.end();
  }
}

const round = value => Math.round(value * 100) / 100;
