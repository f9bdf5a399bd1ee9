// Two people write into one text at once, without a broker, too; who comes when both are gone finds it.

const NONSENSE = '\u0001\u0002{';

export async function play(stage) {
  const one = await stage.open('editor');
  const other = await stage.open('editor');
  const beginning = 'The harbour 😀\n\nThe end';
  await text(other).fill(beginning);
  await shows(one, beginning);

  // At once, at the beginning and at the end, letter by letter.
  await text(one).press('Control+Home');
  await text(other).press('Control+End');
  await Promise.all([one.keyboard.type('A tale of '), other.keyboard.type(', and more')]);
  const both = `A tale of ${beginning}, and more`;
  await Promise.all([shows(one, both), shows(other, both)]);
  // Each has kept its place, and sees the other's.
  const places = await Promise.all([one, other].map(page => text(page).evaluate(area => area.selectionStart)));
  const self = await one.getByRole('list', { name: 'Who is here' }).getByRole('listitem').first().innerText();
  await other.locator('.caret').getByText(self.replace(' (you)', '')).waitFor();

  // Undoing takes back one's own, in as many steps as there were pauses.
  await pressUntil(one, 'Control+z', `${beginning}, and more`);
  await shows(other, `${beginning}, and more`);
  await pressUntil(one, 'Control+Shift+z', both);
  await shows(other, both);

  await stage.restart([one, other], async () => {
    await one.keyboard.type('one, ');
    await text(other).press('Backspace');
    await other.keyboard.type('n');
  });
  const merged = 'A tale of one, The harbour 😀\n\nThe end, and morn';
  await Promise.all([shows(one, merged), shows(other, merged)]);

  // Who has just come asks, and says where to answer; everybody who is here answers with what is lacking.
  const reader = await stage.client('reader');
  const heard = [];
  reader.on('message', (topic, payload, { properties }) => {
    // Its own nonsense, which is below, comes back to it as well.
    if (payload.length !== NONSENSE.length) heard.push(properties?.responseTopic ?? topic);
  });
  await reader.subscribeAsync('demo/editor/notes/#', { qos: 1 });
  const third = await stage.open('editor');
  await shows(third, merged);
  await until(() => heard.some(topic => topic.includes('/answer/')) && heard.some(topic => topic.includes('/caret/')));
  await reader.publishAsync('demo/editor/notes/ask', Buffer.of(0), {
    qos: 1, properties: { responseTopic: 'demo/editor/notes/answer/reader' },
  });
  await until(() => heard.filter(topic => topic === 'demo/editor/notes/answer/reader').length === 1 + 3);
  await third.context().close();

  // The whole text is retained when a writer pauses. What is no change of a document changes nothing.
  for (const topic of ['update', 'state', 'ask', 'caret/x']) {
    await reader.publishAsync(`demo/editor/notes/${topic}`, NONSENSE, { qos: 1, retain: topic === 'state' });
  }
  heard.length = 0;
  await other.keyboard.type('!');
  await shows(one, `${merged}!`);
  await until(() => heard.includes('demo/editor/notes/state'));
  await Promise.all([one.context().close(), other.context().close()]);
  const newcomer = await stage.open('editor');
  await shows(newcomer, `${merged}!`);
  return { places };
}

const text = page => page.getByRole('textbox');

async function pressUntil(page, keys, wanted) {
  for (let times = 0; times < 20 && await text(page).inputValue() !== wanted; times += 1) await text(page).press(keys);
  await shows(page, wanted);
}

/** Waits for a text. */
const shows = (page, wanted) =>
  page.waitForFunction(value => document.querySelector('#text').value === value, wanted, { polling: 50 });

async function until(isSo) {
  const deadline = Date.now() + 30_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`it never comes: ${isSo}`);
    await new Promise(resolve => { setTimeout(resolve, 20); });
  }
}
