// Drives @stomp/stompjs: STOMP 1.0, 1.1 and 1.2 over WebSocket.
//
//   connect     {url, version: "1.0" | "1.1" | "1.2", headers, web} -> connected {headers}
//   subscribe   {topic (the destination), id, headers} -> subscribed, once the receipt is there
//   unsubscribe {id, headers} -> unsubscribed, likewise
//   publish     {topic (the destination), payload, headers, text} -> published, likewise;
//               `text: true` sends a text WebSocket frame, else it is binary
//   ack, nack   {id (the ack header), subscription, headers} -> acknowledged, likewise
//   traffic     {} -> traffic {extensions, read, written}, of the WebSocket
//   disconnect  {} -> closed
//
// `web` is told of in web_socket.mjs. Each message: message {topic, payload, headers (as the library understands them), header_lines (as they arrived),
// text (whether its WebSocket frame was text)}.

import { Client, Versions } from '@stomp/stompjs';
import { openWebSocket, traffic } from './web_socket.mjs';
import { emit, fromBase64, serve, toBase64 } from './wire.mjs';

const clients = new Map();
const sockets = new Map();

serve({
  connect({ as, url, version, headers = {}, web }) {
    let frame;    // the last WebSocket frame: the library does not tell its kind, nor repeated headers
    const client = new Client({
      webSocketFactory() {
        const socket = openWebSocket(url, new Versions([version]).protocolVersions(), web);
        sockets.set(as, socket);
        socket.addEventListener('message', ({ data }) => { frame = data; });
        return socket;
      },
      stompVersions: new Versions([version]),
      connectHeaders: headers,
      reconnectDelay: 0,
      forceBinaryWSFrames: false,
      onConnect: connected => emit('connected', as, { headers: connected.headers }),
      onStompError: error => emit('error', as, { message: error.headers.message, body: error.body }),
      onWebSocketError: error => emit('error', as, { message: String(error.message) }),
      onWebSocketClose: ({ code, reason }) => emit('closed', as, { code, reason }),
    });
    client.onMessage = message => emit('message', as, {
      topic: message.headers.destination,
      payload: toBase64(message.binaryBody),
      headers: message.headers,
      header_lines: headerLines(frame),
      text: typeof frame === 'string',
    });
    clients.set(as, client);
    client.activate();
  },

  subscribe({ as, topic, id, headers = {} }) {
    const client = clients.get(as);
    const receipt = whenReceipted(client, () => emit('subscribed', as));
    client.subscribe(topic, client.onMessage, { id, receipt, ...headers });
  },

  unsubscribe({ as, id, headers = {} }) {
    const client = clients.get(as);
    client.unsubscribe(id, { receipt: whenReceipted(client, () => emit('unsubscribed', as)), ...headers });
  },

  publish({ as, topic, payload, headers = {}, text = false }) {
    const client = clients.get(as);
    const receipt = whenReceipted(client, () => emit('published', as));
    const bytes = fromBase64(payload);
    const body = text ? { body: bytes.toString() } : { binaryBody: bytes };
    client.publish({ destination: topic, headers: { ...headers, receipt }, ...body });
  },

  ack: acknowledge('ACK'),
  nack: acknowledge('NACK'),

  traffic({ as }) {
    emit('traffic', as, traffic(sockets.get(as)));
  },

  async disconnect({ as }) {
    await clients.get(as).deactivate();
  },
});

function acknowledge(command) {
  return ({ as, id, subscription, headers = {} }) => {
    const client = clients.get(as);
    const receipt = whenReceipted(client, () => emit('acknowledged', as));
    const send = command === 'ACK' ? client.ack : client.nack;
    send.call(client, id, subscription, { receipt, ...headers });
  };
}

let receipts = 0;

function whenReceipted(client, action) {
  const receipt = `receipt-${++receipts}`;
  client.watchForReceipt(receipt, action);
  return receipt;
}

function headerLines(frame) {
  const text = typeof frame === 'string' ? frame : Buffer.from(frame).toString('latin1');
  const head = text.slice(0, text.search(/\r?\n\r?\n/));
  return head.split(/\r?\n/).slice(1).map(line => typeof frame === 'string' ? line : Buffer.from(line, 'latin1').toString());
}
