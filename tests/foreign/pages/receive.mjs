// Receives numbered measurements: {url, topic, count} -> {ready, extensions}, then {received, wrong} when the last is there.

import { connect } from '/lib.mjs';

export async function play({ url, topic, count }, say) {
  const { client, socket } = await connect(url, 'page');
  let received = 0;
  const wrong = [];
  const all = new Promise(resolve => {
    client.on('message', (_topic, payload) => {
      const fault = wrongness(JSON.parse(payload.toString()), received);
      if (fault && wrong.length < 10) wrong.push(fault);
      received += 1;
      if (received === count) resolve();
    });
  });
  await client.subscribeAsync(topic, { qos: 1 });
  await say({ ready: true, extensions: socket.extensions });
  await all;
  // An exchange whose answer comes behind everything that is one message too many.
  await client.unsubscribeAsync(topic);
  await say({ received, wrong });
}

/** What is wrong with the measurement that should have this number. */
function wrongness({ number, values }, expected) {
  if (number !== expected) return `${number} came as ${expected}`;
  const at = values.findIndex((value, index) => value !== (number * 31 + index * 7) % 1000);
  return at === -1 && values.length === 220 ? undefined : `of ${number} value ${at} of ${values.length}`;
}
