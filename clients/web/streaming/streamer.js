// Whoever streams: draws a picture so many times a second, makes a WebP or JPEG of it, and publishes that as it is.
//
// Its number and its time travel beside it, as User Properties; any other client that subscribes gets plain pictures. QoS 1 has
// the broker answer each frame: while some are on their way, the next one is left out, so that a slow uplink makes fewer
// pictures, not older ones.

import { connectMqtt, subscribeAlways } from '../kit/mqtt.js';
import { every } from '../kit/ticker.js';
import { now } from './clock.js';
import { Rate } from './rate.js';
import { topics } from './topics.js';

const SIZE = { width: 480, height: 270 };
/** Frames that may be on their way to the broker. */
const UNDERWAY_MAX = 8;
/** How long a frame is worth having, in seconds: the least that MQTT 5 can say. */
const FRAME_EXPIRY = 1;
/** How often it says that it is there, in milliseconds; and how long that holds, in seconds. */
const ABOUT_PERIOD = 2000;
export const ABOUT_EXPIRY = 6;
const QUALITY = 0.6;

export class Streamer {
  /**
   * `draw(context, SIZE, time)` draws a frame on `canvas`, `framesPerSecond` times a second; `changed` is called when there is
   * something new to say.
   */
  constructor({ id, name, canvas, draw, framesPerSecond, changed }) {
    Object.assign(this, { id, name, canvas, draw, changed });
    Object.assign(canvas, SIZE);
    this.context = canvas.getContext('2d');
    this.sequence = 0;
    this.underway = 0;
    this.leftOut = 0;
    this.rate = new Rate();
    this.bytes = 0;
    const { client, connection } = connectMqtt({
      clientId: `streaming-streamer-${id}`,
      will: { topic: topics.about(id), payload: '', retain: true },
    });
    Object.assign(this, { client, connection });
    subscribeAlways(client, topics.clock(id), { qos: 0 });
    client.on('connect', () => {
      this.underway = 0;
      this.announce();
    });
    client.on('message', (topic, payload, packet) => this.tellTime(packet.properties ?? {}));
    this.stopTicks = every(1000 / framesPerSecond, () => this.tick());
    this.stopAnnouncing = every(ABOUT_PERIOD, () => this.announce());
  }

  announce() {
    if (!this.client.connected) return;
    this.client.publish(topics.about(this.id), JSON.stringify({ name: this.name }), {
      retain: true,
      properties: { messageExpiryInterval: ABOUT_EXPIRY },
    });
  }

  tellTime({ responseTopic, userProperties }) {
    // Whoever asks may name any topic; only those of viewers get an answer.
    if (!responseTopic?.startsWith(topics.answer(''))) return;
    this.client.publish(responseTopic, '', {
      properties: { userProperties: { asked: userProperties?.asked ?? '', time: String(now()) } },
    });
  }

  async tick() {
    const taken = now();
    this.draw(this.context, SIZE, taken);
    this.changed();
    if (!this.client.connected || this.isEncoding) return;
    if (this.underway >= UNDERWAY_MAX) {
      this.leftOut += 1;
      return;
    }
    this.isEncoding = true;
    const picture = await encode(this.canvas);
    const payload = picture && new Uint8Array(await picture.arrayBuffer());
    this.isEncoding = false;
    if (payload && this.client.connected) this.publish(payload, picture.type, taken);
  }

  publish(payload, contentType, taken) {
    this.sequence += 1;
    this.underway += 1;
    this.bytes = payload.length;
    this.rate.count();
    const settled = () => { this.underway = Math.max(0, this.underway - 1); };
    this.client.publish(topics.frames(this.id), payload, {
      qos: 1,
      properties: {
        contentType,
        messageExpiryInterval: FRAME_EXPIRY,
        userProperties: { sequence: String(this.sequence), taken: String(taken) },
      },
    }, settled);
  }

  stop() {
    this.stopTicks();
    this.stopAnnouncing();
    this.client.publish(topics.about(this.id), '', { retain: true });
    this.client.end();
  }
}

/** A WebP picture, or a JPEG where the browser makes no WebP (it makes PNG then, which is large). */
async function encode(canvas) {
  const make = type => new Promise(resolve => canvas.toBlob(resolve, type, QUALITY));
  if (encode.type) return make(encode.type);
  const picture = await make('image/webp');
  encode.type = picture?.type === 'image/webp' ? 'image/webp' : 'image/jpeg';
  return encode.type === 'image/webp' ? picture : make(encode.type);
}
