// A client of MQTT.js, as a page should have it.

import mqtt from '../vendor/mqtt/mqtt.esm.js';
import { brokerUrl, Connection, delayAfter, fromFragment } from './connection.js';

/** Another connection has the same client identifier now. (MQTT 5, section 3.14.2.1) */
const SESSION_TAKEN_OVER = 0x8e;

/**
 * Opens a connection by MQTT 5. `clientId` names the session. With `sessionSeconds` the broker keeps it that long without a
 * connection: the subscriptions, and every message of QoS 1 and 2 that comes meanwhile. `credentials()` gives `{ user, token }`,
 * and is called before each connection. Other options are those of MQTT.js.
 *
 * @returns `{ client, connection }`: MQTT.js's client, and how its connection stands.
 */
export function connectMqtt({ clientId, sessionSeconds = 0, properties, credentials = fromFragment, ...options }) {
  const client = mqtt.connect(brokerUrl(), {
    protocolVersion: 5,
    clientId,
    clean: sessionSeconds === 0,
    properties: { sessionExpiryInterval: sessionSeconds, ...properties },
    // A hidden page's timers run once a minute, and MQTT.js pings at its second tick without news: 120 seconds, where the
    // broker's patience is one and a half of this.
    keepalive: 90,
    connectTimeout: 10_000,
    // Drawn anew before each try: see below.
    reconnectPeriod: delayAfter(0),
    // A broker that is full or drains says so in CONNACK, and may take us later.
    reconnectOnConnackError: true,
    // MQTT.js's own timers live in a worker made of a string, which a page with a Content-Security-Policy forbids.
    timerVariant: 'native',
    // The first try is below, with credentials.
    manualConnect: true,
    ...options,
  });
  const connection = new Connection({
    protocol: 'MQTT 5',
    session: sessionSeconds ? `kept for ${inWords(sessionSeconds)}` : 'ends with the connection',
    // What waits to be sent is in these stores; without them MQTT.js starts with empty ones.
    retry: () => client.reconnect(
      client.disconnected ? undefined : { incomingStore: client.incomingStore, outgoingStore: client.outgoingStore },
    ),
  });
  const takeCredentials = async () => {
    const { user, token } = await credentials();
    client.options.username = user ?? (token && clientId);
    client.options.password = token;
  };

  let failures = 0;
  let reason = null;
  const drawDelay = () => { client.options.reconnectPeriod = delayAfter(failures); };
  client.on('connect', () => {
    failures = 0;
    drawDelay();
    connection.enter('open');
  });
  client.on('reconnect', () => {
    failures += 1;
    drawDelay();
    reason = null;
    connection.enter('connecting');
  });
  client.on('error', error => {
    // Of a WebSocket that fails, a browser does not say why.
    if (error.code !== undefined) reason = error.message;
  });
  client.on('disconnect', ({ reasonCode, properties: said }) => {
    reason = said?.reasonString ?? `The broker has ended the connection (0x${reasonCode?.toString(16)}).`;
    // Were both to come back, they would throw each other out for ever.
    if (reasonCode === SESSION_TAKEN_OVER) {
      reason = 'This session is in use in another tab or window.';
      client.end(true);
    }
  });
  // MQTT.js has set its timer by now.
  client.on('close', () => {
    if (client.disconnecting || client.disconnected) {
      connection.enter('closed', { reason });
      return;
    }
    connection.enter('waiting', { until: Date.now() + client.options.reconnectPeriod, reason });
    takeCredentials().catch(() => {});
  });
  takeCredentials().catch(() => {}).then(() => {
    // From here on MQTT.js minds the connection; left as it is, an `end` during a try would not be the end.
    client.options.manualConnect = false;
    client.connect();
  });
  return { client, connection };
}

/**
 * Subscribes at each connection. That costs little, and no subscription is lost where the broker has forgotten the session or
 * the connection broke before it had answered. `options` are those of MQTT.js.
 */
export function subscribeAlways(client, filters, options = { qos: 1 }) {
  client.options.resubscribe = false;
  // Should the connection end before the answer, the next one asks again.
  client.on('connect', () => client.subscribe(filters, options, () => {}));
}

/** JSON out of a payload; null where it is none, or no object: anybody may publish anything. */
export function parse(payload) {
  try {
    const value = JSON.parse(payload.toString());
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

function inWords(seconds) {
  const [number, unit] = [[86_400, 'day'], [3_600, 'hour'], [60, 'minute'], [1, 'second']]
    .map(([size, name]) => [seconds / size, name]).find(([count]) => count >= 1);
  return `${Math.round(number)} ${unit}${Math.round(number) === 1 ? '' : 's'}`;
}
