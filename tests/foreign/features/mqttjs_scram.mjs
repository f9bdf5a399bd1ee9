// MQTT.js proves itself by SCRAM-SHA-256, with Node's own primitives: node mqttjs_scram.mjs TCP_PORT WEBSOCKET_PORT
//
// The broker knows `user`, whose password is `pencil`, and lets nobody else in.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { Client } from './mqttjs_client.mjs';

const METHOD = 'SCRAM-SHA-256';
const hmac = (key, data) => createHmac('sha256', key).update(data).digest();

/** A client that answers the broker's challenge; `expected` is the proof that the broker owes it in turn. */
function open(url, name, password) {
  const bare = `n=user,r=${randomBytes(18).toString('base64')}`;
  const properties = { authenticationMethod: METHOD, authenticationData: Buffer.from(`n,,${bare}`) };
  const client = new Client(url, '5', name, { properties });
  client.mqtt.handleAuth = (packet, answer) => {
    const challenge = packet.properties.authenticationData.toString();
    const { r: nonce, s: salt, i: iterations } = Object.fromEntries(
      challenge.split(',').map(attribute => [attribute[0], attribute.slice(2)]));
    const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
    const key = hmac(salted, 'Client Key');
    const signed = `${bare},${challenge},c=biws,r=${nonce}`;
    const signature = hmac(createHash('sha256').update(key).digest(), signed);
    const proof = Buffer.from(key.map((byte, at) => byte ^ signature[at])).toString('base64');
    client.expected = `v=${hmac(hmac(salted, 'Server Key'), signed).toString('base64')}`;
    const authenticationData = Buffer.from(`c=biws,r=${nonce},p=${proof}`);
    answer(undefined, {
      cmd: 'auth', reasonCode: 0x18, properties: { authenticationMethod: METHOD, authenticationData },
    });
  };
  return client;
}

async function right(url) {
  const client = await open(url, 'right', 'pencil').connected();
  const said = client.connack.properties.authenticationData.toString();
  if (said !== client.expected) throw new Error(`the broker proves itself by ${said}, not by ${client.expected}`);
  await client.mqtt.subscribeAsync('scram');
  await client.mqtt.publishAsync('scram', 'let in');
  await client.message();
  await client.mqtt.endAsync();
}

async function wrong(url) {
  const [error] = await open(url, 'wrong', 'pen').event('error');
  if (error.code !== 0x86) throw error;
}

async function withoutMethod(url) {
  const [error] = await new Client(url, '5', 'bare', {}).event('error');
  if (error.code !== 0x87) throw error;
}

const [tcp, ws] = process.argv.slice(2);
let failed = false;
for (const [transport, url] of Object.entries({ tcp: `mqtt://127.0.0.1:${tcp}`, ws: `ws://127.0.0.1:${ws}/` })) {
  for (const play of [right, wrong, withoutMethod]) {
    try {
      await play(url);
      console.log(`ok ${play.name} ${transport}`);
    } catch (error) {
      failed = true;
      console.log(`FAILED ${play.name} ${transport}\n${error.stack ?? error}`);
    }
  }
}
process.exit(failed ? 1 : 0);
