// Sends messages small and large, compressible and not, to itself, with both libraries: {urls} -> {client, url,
// extensions, exchanged} for each.

import { assertEqual, connect } from '/lib.mjs';

const SIZES = [10, 1024, 100 * 1024];

export async function play({ urls }, say) {
  for (const url of urls) {
    await say(await mqttExchange(url));
    await say(await stompExchange(url));
  }
}

async function mqttExchange(url) {
  const { client, socket } = await connect(url, 'page');
  await client.subscribeAsync('page/exchange', { qos: 2 });
  let exchanged = 0;
  for (const qos of [0, 1, 2]) {
    for (const payload of payloads()) {
      const received = new Promise(resolve => {
        client.once('message', (_topic, bytes, packet) => resolve({ bytes, qos: packet.qos }));
      });
      await client.publishAsync('page/exchange', payload, { qos });
      const message = await received;
      assertSame(message.bytes, payload);
      assertEqual(message.qos, qos, 'QoS');
      exchanged += 1;
    }
  }
  await client.endAsync();
  return { client: 'MQTT.js', url, extensions: socket.extensions, exchanged };
}

async function stompExchange(url) {
  const socket = new WebSocket(url, ['v12.stomp']);
  const client = new StompJs.Client({ webSocketFactory: () => socket, reconnectDelay: 0 });
  await new Promise((resolve, reject) => {
    Object.assign(client, { onConnect: resolve, onWebSocketError: reject, onStompError: reject });
    client.activate();
  });
  let receive;
  client.subscribe('/topic/page/exchange', message => receive(message.binaryBody));
  let exchanged = 0;
  for (const payload of payloads()) {
    const received = new Promise(resolve => { receive = resolve; });
    client.publish({ destination: '/topic/page/exchange', binaryBody: payload });
    assertSame(await received, payload);
    exchanged += 1;
  }
  await client.deactivate();
  return { client: 'stompjs', url, extensions: socket.extensions, exchanged };
}

/** Of each size one that can be compressed, and one that cannot. */
function payloads() {
  return SIZES.flatMap(size => [json(size), random(size)]);
}

function json(size) {
  let text = '{"n":[1';
  for (let number = 2; text.length < size - 6; number += 1) text += `,${number % 1000}`;
  return new TextEncoder().encode(`${text}]}`.padEnd(size));
}

function random(size) {
  const bytes = new Uint8Array(size);
  // No more at once than 64 KiB.
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  return bytes;
}

function assertSame(got, expected) {
  assertEqual(got.length, expected.length, 'length');
  const at = expected.findIndex((byte, index) => byte !== got[index]);
  assertEqual(at, -1, 'the first byte that differs');
}
