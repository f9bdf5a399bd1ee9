// Publishes and receives by every protocol of the console, on two subscriptions, with properties or headers.

const PROTOCOLS = [
  { name: 'MQTT 5', topic: 'Topic', filter: 'Topic filter', pair: 'user property', subscriptions: ['a/+', 'b/#'], to: ['a/1', 'b/2'] },
  { name: 'MQTT 3.1.1', topic: 'Topic', filter: 'Topic filter', subscriptions: ['a/+', 'b/#'], to: ['a/1', 'b/2'] },
  {
    name: 'STOMP 1.2', topic: 'Destination', filter: 'Destination', pair: 'header',
    subscriptions: ['/topic/a/+', '/queue/b'], to: ['/topic/a/1', '/queue/b'],
  },
];

export async function play(desk) {
  await desk.view('Console');
  const seen = {};
  for (const protocol of PROTOCOLS) seen[protocol.name] = await converse(desk.page, protocol);
  return seen;
}

async function converse(page, { name, topic, filter, pair, subscriptions, to }) {
  const [connection, subscribing, publishing, messages] =
    ['Connection', 'Subscriptions', 'Publish', 'Messages'].map(title => page.getByRole('region', { name: title, exact: true }));
  await connection.getByRole('button', { name, exact: true }).click();
  await connection.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText('connected as').waitFor();
  for (const one of subscriptions) {
    await subscribing.getByLabel(filter, { exact: true }).fill(one);
    await subscribing.getByRole('button', { name: 'Subscribe', exact: true }).click();
    await subscribing.getByRole('button', { name: `Unsubscribe ${one}` }).waitFor();
  }
  if (pair) {
    await publishing.getByRole('button', { name: `Add a ${pair}` }).click();
    await publishing.getByLabel(`Name of ${pair} 1`).fill('colour');
    await publishing.getByLabel(`Value of ${pair} 1`).fill('green');
  }
  const received = [];
  for (const one of to) {
    await publishing.getByLabel(topic, { exact: true }).fill(one);
    await publishing.getByRole('textbox', { name: 'Payload' }).fill('{"to":"' + one + '"}');
    await publishing.getByRole('button', { name: 'Publish', exact: true }).click();
    const message = messages.getByRole('listitem').filter({ hasText: `{"to":"${one}"}` });
    await message.locator('summary').click();
    received.push({
      topic: await message.locator('strong').first().innerText(),
      json: JSON.parse(await message.getByRole('region', { name: 'Payload' }).innerText()),
      colour: (await message.innerText()).includes('colour\ngreen'),
    });
  }
  if (pair) await publishing.getByRole('button', { name: `Remove ${pair} 1` }).click();
  await connection.getByRole('button', { name: 'Disconnect' }).click();
  await messages.getByRole('button', { name: 'Clear' }).click();
  return received;
}
