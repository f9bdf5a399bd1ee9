// MQTT over the broker's own WebSocket, for what is shown as it comes: one connection for the whole page, there as long as
// anybody subscribes.

import mqtt from './vendor/mqtt/mqtt.esm.js';
import { subprotocols, webSocketUrl } from './token.js';

/** How every client of the page connects. Its timers are the page's own: workers from strings are not allowed here. */
export const mqttOptions = () => ({
  clientId: `dashboard-${crypto.randomUUID().slice(0, 8)}`,
  clean: true,
  protocolVersion: 5,
  timerVariant: 'native',
  createWebsocket: (url, names) => new WebSocket(url, subprotocols([names].flat())),
});

export const connectMqtt = options => mqtt.connect(webSocketUrl(), { ...mqttOptions(), ...options });

let client = null;
const subscriptions = new Set();

/** Calls `hear(topic, payload, packet)` for what comes to a topic, until what this returns is called. */
export function follow(topic, hear) {
  const subscription = { topic, hear };
  subscriptions.add(subscription);
  client ??= connect();
  if (client.connected) subscribe(topic);
  return () => {
    subscriptions.delete(subscription);
    if (![...subscriptions].some(other => other.topic === topic)) client?.unsubscribe(topic);
    if (subscriptions.size === 0) {
      client?.end(true);
      client = null;
    }
  };
}

function connect() {
  const connected = connectMqtt({ reconnectPeriod: 2_000, resubscribe: false });
  connected.on('connect', () => new Set([...subscriptions].map(one => one.topic)).forEach(subscribe));
  connected.on('message', (topic, payload, packet) => {
    for (const one of subscriptions) if (one.topic === topic) one.hear(topic, payload, packet);
  });
  // It comes again by itself; the view says by its polling when the broker is away.
  connected.on('error', () => {});
  return connected;
}

/** What is retained already is not sent, and what is to be retained says so. (MQTT 5, section 3.8.3.1) */
const subscribe = topic => client.subscribe(topic, { qos: 0, rap: true, rh: 2 });
