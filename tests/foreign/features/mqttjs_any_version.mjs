// MQTT.js's features that MQTT had before version 5, or that are not its own.

import assert from 'node:assert/strict';
import { ALL, feature } from './mqttjs_stage.mjs';

feature(ALL, async function everyQos(stage) {
  const client = await stage.enter();
  for (const granted of [0, 1, 2]) {
    const [grant] = await client.subscribe(stage.topic, { qos: granted });
    assert.equal(grant.qos, granted);
    for (const qos of [0, 1, 2]) {
      await client.publish(stage.topic, `${granted}${qos}`, { qos });
      const message = await client.message();
      assert.deepEqual([message.payload, message.qos], [`${granted}${qos}`, Math.min(granted, qos)]);
    }
  }
});

feature(ALL, async function manyExactlyOnce(stage) {
  const [publisher, subscriber] = [await stage.enter('p'), await stage.enter('s')];
  await subscriber.subscribe(stage.topic);
  const numbers = Array.from({ length: 300 }, (_, number) => String(number));
  // The library does not heed the broker's Receive Maximum; whoever uses it has to.
  const maximum = publisher.connack.properties?.receiveMaximum ?? numbers.length;
  for (let first = 0; first < numbers.length; first += maximum) {
    const batch = numbers.slice(first, first + maximum);
    await Promise.all(batch.map(number => publisher.publish(stage.topic, number, { qos: 2 })));
  }
  assert.deepEqual(await subscriber.payloads(300), numbers);
  await subscriber.hearsNothing();
});

feature(ALL, async function manyAtOnce(stage) {
  const [publisher, subscriber] = [await stage.enter('p'), await stage.enter('s')];
  await subscriber.subscribe(stage.topic, { qos: 1 });
  const numbers = Array.from({ length: 1000 }, (_, number) => String(number));
  // Far more than the broker's Receive Maximum: what is acknowledged at once may come as fast as it likes.
  await Promise.all(numbers.map(number => publisher.publish(stage.topic, number, { qos: 1 })));
  assert.deepEqual(await subscriber.payloads(numbers.length), numbers);
});

feature(ALL, async function largePayload(stage) {
  const client = await stage.enter();
  await client.subscribe(stage.topic);
  await client.publish(stage.topic, 'x'.repeat(2 << 20), { qos: 2 });
  assert.equal((await client.message()).payload.length, 2 << 20);
});

feature(ALL, async function retained(stage) {
  const client = await stage.enter();
  await client.publish(stage.topic, 'kept', { qos: 1, retain: true });
  await client.subscribe(stage.topic);
  const message = await client.message();
  assert.deepEqual([message.payload, message.retain], ['kept', true]);
  await client.publish(stage.topic, '', { qos: 1, retain: true });
  assert.equal((await client.message()).payload, '');
  await client.unsubscribe(stage.topic);
  await client.subscribe(stage.topic);
  await client.hearsNothing();
});

feature(ALL, async function sessionResume(stage) {
  const [client, publisher] = [await stage.lasting('s'), await stage.enter('p')];
  assert.equal(client.connack.sessionPresent, false);
  await client.subscribe(stage.topic);
  await client.lose();
  for (const qos of [1, 2]) await publisher.publish(stage.topic, `queued ${qos}`, { qos });
  await client.reconnect();
  assert.equal(client.connack.sessionPresent, stage.tellsOfSessions);
  assert.deepEqual(await client.payloads(2), ['queued 1', 'queued 2']);
  await client.mqtt.endAsync();
  await (await stage.enter('s')).mqtt.endAsync();
  assert.equal((await stage.lasting('s')).connack.sessionPresent, false, 'a clean start ends it');
});

feature(ALL, async function reconnectWithOutgoingStore(stage) {
  const subscriber = await stage.enter('s');
  await subscriber.subscribe(stage.topic);
  const publisher = await stage.lasting('p', 60, { reconnectPeriod: 10 });
  const again = publisher.connected.bind(publisher);
  const numbers = Array.from({ length: 100 }, (_, number) => String(number));
  const published = numbers.map(number => publisher.publish(stage.topic, number, { qos: 2 }));
  const reconnected = again();
  await publisher.lose();
  await reconnected;
  await Promise.all(published);
  assert.deepEqual((await subscriber.payloads(100)).sort((a, b) => a - b), numbers);
  await subscriber.hearsNothing();
});

feature(ALL, async function resubscribe(stage) {
  const client = await stage.enter('c', { reconnectPeriod: 10 });
  await client.subscribe(stage.topic);
  const resubscribed = new Promise(resolve => {
    client.mqtt.on('packetreceive', packet => packet.cmd === 'suback' && resolve());
  });
  await client.lose();
  await resubscribed;
  await client.publish(stage.topic, 'after');
  assert.deepEqual(await client.payloads(1), ['after']);
});

feature(ALL, async function will(stage) {
  const watcher = await stage.enter('w');
  await watcher.subscribe(stage.topic);
  const polite = await stage.enter('p', { will: { topic: stage.topic, payload: 'wrong', qos: 1 } });
  await polite.mqtt.endAsync();
  const lost = await stage.enter('l', { will: { topic: stage.topic, payload: 'lost', qos: 2, retain: true } });
  await lost.lose();
  const message = await watcher.message();
  assert.deepEqual([message.payload, message.qos], ['lost', 2]);
  await watcher.subscribe(stage.topic);
  assert.equal((await watcher.message()).retain, true);
  await watcher.publish(stage.topic, '', { qos: 1, retain: true });
});

feature(ALL, async function keepAlive(stage) {
  const client = await stage.enter('k', { keepalive: 3 });
  await stage.seconds(5); // longer than the broker would wait without pings
  assert.ok(client.mqtt.connected && client.packets.some(packet => packet.cmd === 'pingresp'));
});

feature(ALL, async function manualPing(stage) {
  const client = await stage.enter('k', { keepalive: 0 });
  const answered = client.event('packetreceive');
  client.mqtt.sendPing();
  assert.equal((await answered)[0].cmd, 'pingresp');
});

feature(['3.1.1', '5'], async function sharedSubscription(stage) {
  const members = await Promise.all([1, 2, 3].map(number => stage.enter(`m${number}`)));
  for (const member of members) await member.subscribe(`$share/group/${stage.topic}`);
  const publisher = await stage.enter('p');
  const numbers = Array.from({ length: 30 }, (_, number) => String(number));
  for (const number of numbers) await publisher.publish(stage.topic, number);
  for (const member of members) await member.settle();
  const got = members.flatMap(member => member.queue.map(message => message.payload));
  assert.deepEqual(got.sort((a, b) => a - b), numbers);
});
