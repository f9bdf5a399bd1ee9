// Both protocols as the console speaks them: connect, subscribe, publish, and what comes.

import { connectMqtt } from './live.js';
import { subprotocols, webSocketUrl } from './token.js';

/**
 * A connection by 'mqtt5', 'mqtt311' or 'stomp12'. `on` has `open()`, `closed(reason)` and `message({ topic, payload, notes })`.
 * What this returns can `subscribe(topic, { qos })`, which gives what ends the subscription, `publish(topic, payload,
 * options)`, and `close()`; all but the last return promises.
 */
export const connect = (protocol, clientId, on) =>
  (protocol === 'stomp12' ? new Stomp(clientId, on) : new Mqtt(protocol === 'mqtt5' ? 5 : 4, clientId, on));

class Mqtt {
  constructor(protocolVersion, clientId, on) {
    this.version = protocolVersion;
    this.client = connectMqtt({ protocolVersion, reconnectPeriod: 0, ...(clientId && { clientId }) });
    let reason = null;
    this.client.on('connect', () => on.open(this.client.options.clientId));
    this.client.on('error', error => { reason = error.message; });
    this.client.on('disconnect', ({ properties, reasonCode }) => {
      reason = properties?.reasonString ?? `The broker has ended the connection (0x${reasonCode?.toString(16)}).`;
    });
    this.client.on('close', () => on.closed(reason));
    this.client.on('message', (topic, payload, packet) => on.message({ topic, payload, notes: notesOf(packet) }));
  }

  async subscribe(topic, { qos }) {
    const [granted] = await this.client.subscribeAsync(topic, { qos });
    if (granted?.qos > 2) throw new Error(`The broker refuses the subscription (0x${granted.qos.toString(16)}).`);
    return () => this.client.unsubscribeAsync(topic);
  }

  publish(topic, payload, { qos, retain, contentType, pairs }) {
    const properties = {
      ...(contentType && { contentType }),
      ...(pairs.length && { userProperties: gathered(pairs) }),
    };
    const hasProperties = this.version === 5 && Object.keys(properties).length > 0;
    return this.client.publishAsync(topic, payload, { qos, retain, ...(hasProperties && { properties }) });
  }

  close() {
    this.client.end();
  }
}

/** A name may come several times. */
function gathered(pairs) {
  const properties = {};
  for (const [name, value] of pairs) properties[name] = name in properties ? [properties[name], value].flat() : value;
  return properties;
}

function notesOf({ qos, retain, dup, properties = {} }) {
  const { userProperties = {}, contentType, responseTopic, messageExpiryInterval } = properties;
  const user = Object.entries(userProperties).flatMap(([name, value]) => [value].flat().map(one => [name, one]));
  return [
    ['QoS', qos], ['Retained', retain && 'yes'], ['Sent again', dup && 'yes'], ['Content type', contentType],
    ['Response topic', responseTopic], ['Expires in', messageExpiryInterval && `${messageExpiryInterval} s`], ...user,
  ].filter(([, value]) => value !== undefined && value !== false);
}

class Stomp {
  constructor(clientId, on) {
    this.ready = import('./vendor/stompjs/stomp.umd.min.js').then(() => this.begin(clientId, on));
    this.ready.catch(error => on.closed(error.message));
    this.subscriptions = 0;
    this.isClosed = false;
    // What is waited for and will not come once the connection has ended.
    this.waiting = new Set();
    this.hear = ({ headers, binaryBody }) => on.message({
      topic: headers.destination, payload: binaryBody, notes: Object.entries(headers).filter(([name]) => name !== 'destination'),
    });
  }

  begin(clientId, on) {
    if (this.isClosed) return;
    let reason = null;
    this.client = new globalThis.StompJs.Client({
      webSocketFactory: () => new WebSocket(webSocketUrl(), subprotocols(['v12.stomp'])),
      connectHeaders: { host: location.hostname, ...(clientId && { 'client-id': clientId }) },
      reconnectDelay: 0,
      onConnect: frame => on.open(frame.headers.session),
      onStompError: frame => { reason = frame.headers.message; },
      onWebSocketClose: event => {
        const why = reason ?? (event.reason || null);
        for (const reject of this.waiting) reject(new Error(why ?? 'The connection has ended.'));
        on.closed(why);
      },
    });
    this.client.activate();
  }

  /** Once the broker says that it has come, it holds. */
  subscribe(destination) {
    this.subscriptions += 1;
    const id = `console-${this.subscriptions}`;
    return this.receipt(receipt => this.client.subscribe(destination, this.hear, { id, receipt }))
      .then(subscription => async () => subscription.unsubscribe());
  }

  publish(destination, payload, { contentType, pairs, retain }) {
    const headers = {
      ...Object.fromEntries(pairs), ...(contentType && { 'content-type': contentType }), ...(retain && { retain: 'true' }),
    };
    return this.receipt(receipt => this.client.publish({
      destination, binaryBody: new TextEncoder().encode(payload), headers: { ...headers, receipt },
    }));
  }

  receipt(send) {
    const receipt = crypto.randomUUID();
    return new Promise((resolve, reject) => {
      this.waiting.add(reject);
      const sent = send(receipt);
      this.client.watchForReceipt(receipt, () => {
        this.waiting.delete(reject);
        resolve(sent);
      });
    });
  }

  close() {
    this.isClosed = true;
    this.client?.deactivate();
  }
}
