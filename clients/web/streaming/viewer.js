// One viewer of a stream: an MQTT connection of its own, and a canvas.
//
// A usual viewer subscribes at QoS 0: it gets what there is, as it comes. A slow one subscribes at QoS 1 and says in CONNECT that
// it takes one message at a time (Receive Maximum), of which it acknowledges two a second. Meanwhile the broker keeps the
// frames for this one viewer, each until it has waited for its second (Message Expiry Interval), and no longer than
// session.outbox_messages_max and outbox_bytes_max allow. Nobody else waits for it: neither who streams nor other viewers.

import { newId } from '../kit/identity.js';
import { connectMqtt, subscribeAlways } from '../kit/mqtt.js';
import { every } from '../kit/ticker.js';
import { RemoteClock, now } from './clock.js';
import { Rate } from './rate.js';
import { topics } from './topics.js';

/** How long a slow viewer takes for a frame, in milliseconds. */
const SLOW_FRAME = 500;
/** How often a viewer asks for the streamer's time, and says how it gets on, in milliseconds. */
const REPORT_PERIOD = 1000;
/** The weight of a frame's latency in the average. */
const WEIGHT = 0.1;

export class Viewer {
  /**
   * The frames of stream `id` are drawn on `canvas`; `changed(viewer)` is called when there is something new to say. Others see
   * it as `label`.
   */
  constructor({ id, label, isSlow, canvas, changed }) {
    Object.assign(this, { id, label, isSlow, canvas, name: newId(), changed: () => changed(this) });
    this.clock = new RemoteClock();
    this.forgetFrames();
    const { client, connection } = connectMqtt({
      clientId: `streaming-viewer-${this.name}`,
      properties: isSlow ? { receiveMaximum: 1 } : {},
    });
    Object.assign(this, { client, connection });
    // MQTT.js acknowledges once this is done.
    if (isSlow) client.handleMessage = (packet, done) => setTimeout(done, packet.qos ? SLOW_FRAME : 0);
    subscribeAlways(client, topics.frames(id), { qos: isSlow ? 1 : 0 });
    subscribeAlways(client, topics.answer(this.name), { qos: 0 });
    client.on('connect', () => {
      this.forgetFrames();
      this.ask();
    });
    client.on('message', (topic, payload, packet) => this.hear(topic, payload, packet));
    connection.watch(this.changed);
    this.stopReports = every(REPORT_PERIOD, () => this.report());
  }

  /** A connection that was lost is no fault of the viewer: what was missed then is not counted. */
  forgetFrames() {
    this.first = null;
    this.last = null;
    this.shown = 0;
    this.rate = new Rate();
    this.latency = null;
  }

  hear(topic, payload, packet) {
    const { userProperties = {}, contentType } = packet.properties ?? {};
    if (topic === topics.answer(this.name)) {
      const [asked, theirs] = [Number(userProperties.asked), Number(userProperties.time)];
      if (asked && theirs) this.clock.learn(asked, theirs, now());
      return;
    }
    const [sequence, taken] = [Number(userProperties.sequence), Number(userProperties.taken)];
    // One that is older than what is shown: the streamer sent it again, not knowing whether it had arrived.
    if (!Number.isSafeInteger(sequence) || !taken || sequence <= this.last) return;
    this.first ??= sequence;
    this.last = sequence;
    this.show({ payload, type: contentType, taken });
  }

  /** Only the newest frame is worth being shown, where decoding takes longer than they come. */
  async show(frame) {
    this.next = frame;
    if (this.isDrawing) return;
    this.isDrawing = true;
    while (this.next) {
      const { payload, type, taken } = this.next;
      this.next = null;
      try {
        const picture = await createImageBitmap(new Blob([payload], { type }));
        this.draw(picture, taken);
      } catch {
        // Anybody may publish there, and what they send need not be a picture. It counts as dropped.
      }
    }
    this.isDrawing = false;
  }

  draw(picture, taken) {
    const { canvas } = this;
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      canvas.width = picture.width;
      canvas.height = picture.height;
    }
    canvas.getContext('2d').drawImage(picture, 0, 0);
    picture.close();
    this.shown += 1;
    this.rate.count();
    const latency = this.clock.since(taken);
    if (latency !== null) this.latency = this.latency === null ? latency : this.latency * (1 - WEIGHT) + latency * WEIGHT;
    this.changed();
  }

  /** Frames that were sent since it came and that it has not shown. */
  get dropped() {
    return this.first === null ? 0 : Math.max(0, this.last - this.first + 1 - this.shown);
  }

  ask() {
    this.client.publish(topics.clock(this.id), '', {
      properties: { responseTopic: topics.answer(this.name), userProperties: { asked: String(now()) }, messageExpiryInterval: 2 },
    });
  }

  report() {
    this.changed();
    if (!this.client.connected) return;
    this.ask();
    const { label, isSlow, latency, dropped } = this;
    const report = { label, isSlow, rate: this.rate.perSecond, latency, dropped };
    this.client.publish(topics.viewer(this.id, this.name), JSON.stringify(report));
  }

  stop() {
    this.stopReports();
    this.client.end();
  }
}
