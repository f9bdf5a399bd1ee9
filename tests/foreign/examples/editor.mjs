// Two people write into one text at once, without a broker, too; who comes when both are gone finds it.

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
  const name = (await one.getByRole('list', { name: 'Who is here' }).getByRole('listitem').first().innerText()).replace(' (you)', '');
  await other.locator('.caret').getByText(name).waitFor();

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

  // The whole text is retained when a writer pauses.
  const reader = await stage.client('reader');
  const nextState = () => new Promise(resolve => { reader.once('message', resolve); });
  const first = nextState();
  await reader.subscribeAsync('demo/editor/notes/state', { qos: 1 });
  await first;
  const written = nextState();
  await other.keyboard.type('!');
  await shows(one, `${merged}!`);
  await written;
  await Promise.all([one.context().close(), other.context().close()]);
  const newcomer = await stage.open('editor');
  await shows(newcomer, `${merged}!`);
  // What is no change of a document changes nothing.
  for (const topic of ['update', 'state', 'ask', 'caret/x']) await reader.publishAsync(`demo/editor/notes/${topic}`, '\u0001\u0002{', { qos: 1 });
  await text(newcomer).press('Control+End');
  await newcomer.keyboard.type('?');
  await shows(newcomer, `${merged}!?`);
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
