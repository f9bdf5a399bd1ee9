// MQTT.js's features that came with MQTT 5.

import assert from 'node:assert/strict';
import { FIVE, feature } from './mqttjs_stage.mjs';

feature(FIVE, async function messageProperties(stage) {
  const properties = {
    payloadFormatIndicator: true,
    messageExpiryInterval: 60,
    contentType: 'text/plain',
    responseTopic: 'answers/here',
    correlationData: Buffer.from([0, 255]),
    userProperties: { n: ['1', '2'], a: '' },
  };
  const client = await stage.enter();
  await client.subscribe(stage.topic);
  await client.publish(stage.topic, 'text', { qos: 1, properties });
  const heard = (await client.message()).properties;
  assert.deepEqual({ ...heard, userProperties: { ...heard.userProperties } }, properties);
});

feature(FIVE, async function requestResponse(stage) {
  const [asker, answerer] = [await stage.enter('a'), await stage.enter('b')];
  await answerer.subscribe(`${stage.topic}/ask`);
  await asker.subscribe(`${stage.topic}/answer`);
  const asked = { responseTopic: `${stage.topic}/answer`, correlationData: Buffer.from('7') };
  await asker.publish(`${stage.topic}/ask`, '?', { qos: 1, properties: asked });
  const { responseTopic, correlationData } = (await answerer.message()).properties;
  await answerer.publish(responseTopic, '!', { qos: 1, properties: { correlationData } });
  const answer = await asker.message();
  assert.deepEqual([answer.payload, answer.properties.correlationData.toString()], ['!', '7']);
});

feature(FIVE, async function subscribeOptions(stage) {
  const [client, other] = [await stage.enter('a'), await stage.enter('b')];
  await client.subscribe(stage.topic, { qos: 1, nl: true });
  await client.publish(stage.topic, 'own');
  await other.publish(stage.topic, 'kept', { qos: 1, retain: true });
  assert.deepEqual(await client.payloads(1), ['kept']);
  for (const [rh, isSent] of [[1, false], [0, true], [2, false]]) {
    await client.subscribe(stage.topic, { qos: 1, rh });
    if (isSent) assert.deepEqual(await client.payloads(1), ['kept']);
    await client.hearsNothing();
  }
  for (const rap of [false, true]) {
    await client.subscribe(stage.topic, { qos: 1, rap, rh: 2 });
    await other.publish(stage.topic, 'new', { qos: 1, retain: true });
    assert.equal((await client.message()).retain, rap);
  }
  await client.publish(stage.topic, '', { qos: 1, retain: true });
});

feature(FIVE, async function subscriptionIdentifiers(stage) {
  const client = await stage.enter();
  await client.subscribe(stage.topic, { qos: 1, properties: { subscriptionIdentifier: 1 } });
  await client.subscribe(`${stage.topic}/#`, { qos: 1, properties: { subscriptionIdentifier: 268435455 } });
  await client.publish(stage.topic, 'both');
  const identifiers = (await client.message()).properties.subscriptionIdentifier;
  assert.deepEqual(identifiers.sort((a, b) => a - b), [1, 268435455]);
  await client.hearsNothing();
});

feature(FIVE, async function unsubscribeReasons(stage) {
  const client = await stage.enter();
  await client.subscribe(stage.topic);
  const answer = await client.unsubscribe([stage.topic, 'never/there']);
  assert.deepEqual([...answer.granted], [0, 0x11]);
});

feature(FIVE, async function publishReasons(stage) {
  const client = await stage.enter();
  await client.publish(stage.topic, 'to nobody');
  const puback = client.packets.find(heard => heard.cmd === 'puback');
  assert.equal(puback.reasonCode, 0x10);
});

for (const name of ['autoUseTopicAlias', 'autoAssignTopicAlias']) {
  const play = {
    async [name](stage) {
      const [client, watcher] = [await stage.enter('a', { [name]: true }), await stage.enter('b')];
      assert.ok(client.connack.properties.topicAliasMaximum > 0);
      const sent = [];
      client.mqtt.on('packetsend', packet => packet.cmd === 'publish' && sent.push(packet));
      await watcher.subscribe(stage.topic);
      for (let count = 0; count < 3; count += 1) {
        // With autoUse the application makes the alias, with autoAssign the library does.
        const properties = name === 'autoUseTopicAlias' && count === 0 ? { topicAlias: 3 } : undefined;
        await client.publish(stage.topic, 'aliased', { qos: 1, ...(properties && { properties }) });
        assert.equal((await watcher.message()).topic, stage.topic);
      }
      assert.deepEqual(sent.map(packet => packet.topic), [stage.topic, '', '']);
    },
  }[name];
  feature(FIVE, play);
}

feature(FIVE, async function brokersTopicAlias(stage) {
  const client = await stage.enter('a', { properties: { topicAliasMaximum: 5 } });
  await client.subscribe(stage.topic);
  for (let count = 0; count < 3; count += 1) {
    await client.publish(stage.topic, 'aliased');
    assert.equal((await client.message()).topic, stage.topic);
  }
  const deliveries = client.packets.filter(packet => packet.cmd === 'publish');
  assert.ok(deliveries.every(packet => packet.properties.topicAlias > 0));
});

feature(FIVE, async function receiveMaximum(stage) {
  const held = [];
  const properties = { receiveMaximum: 2 };
  const client = await stage.enter('s', {
    properties,
    customHandleAcks: (_topic, _payload, _packet, done) => held.push(done),
  });
  const publisher = await stage.enter('p');
  assert.ok(client.connack.properties.receiveMaximum > 0);
  await client.subscribe(stage.topic, { qos: 2 });
  for (let number = 0; number < 10; number += 1) await publisher.publish(stage.topic, String(number), { qos: 2 });
  for (let number = 0; number < 10; number += 1) {
    const released = number;
    while (held.length <= released) await client.event('packetreceive');
    assert.ok(held.length <= released + 2, 'more than two under way');
    held[released](0);
  }
  const heard = await client.payloads(10);
  assert.deepEqual(heard, Array.from({ length: 10 }, (_, number) => String(number)));
});

feature(FIVE, async function maximumPacketSize(stage) {
  const [client, publisher] = [
    await stage.enter('s', { properties: { maximumPacketSize: 300 } }), await stage.enter('p'),
  ];
  assert.ok(client.connack.properties.maximumPacketSize > 0);
  await client.subscribe(stage.topic);
  await publisher.publish(stage.topic, 'x'.repeat(400));
  await publisher.publish(stage.topic, 'fits');
  assert.deepEqual(await client.payloads(1), ['fits']);
});

feature(FIVE, async function willDelayAndProperties(stage) {
  const watcher = await stage.enter('w');
  await watcher.subscribe(`${stage.topic}/#`);
  const farewell = name => ({
    topic: `${stage.topic}/${name}`,
    payload: name,
    qos: 1,
    properties: { willDelayInterval: 1, contentType: 'farewell', userProperties: { a: 'b' } },
  });
  const back = await stage.lasting('back', 60, { will: farewell('back') });
  await back.lose();
  await back.reconnect();
  const lost = await stage.lasting('gone', 60, { will: farewell('gone') });
  await lost.lose();
  const { payload, properties } = await watcher.message();
  assert.deepEqual([payload, properties.contentType, properties.userProperties.a], ['gone', 'farewell', 'b']);
  await watcher.hearsNothing();
});

feature(FIVE, async function disconnectReasonAndProperties(stage) {
  const watcher = await stage.enter('w');
  await watcher.subscribe(stage.topic);
  const leaver = await stage.lasting('l', 60, { will: { topic: stage.topic, payload: 'left', qos: 1 } });
  await leaver.mqtt.endAsync(false, { reasonCode: 4, properties: { sessionExpiryInterval: 0 } });
  assert.deepEqual(await watcher.payloads(1), ['left']);
  assert.equal((await stage.lasting('l')).connack.sessionPresent, false, 'the session was ended');
});

feature(FIVE, async function sessionExpiry(stage) {
  const client = await stage.lasting('s', 1);
  await client.lose();
  await client.reconnect();
  assert.equal(client.connack.sessionPresent, true, 'kept for a second');
  await client.lose();
  await stage.seconds(2);
  await client.reconnect();
  assert.equal(client.connack.sessionPresent, false, 'gone after it');
});

feature(FIVE, async function takeover(stage) {
  const first = await stage.enter('same');
  const disconnected = first.event('disconnect');
  await stage.enter('same');
  assert.equal((await disconnected)[0].reasonCode, 0x8e);
});
