// Two people talk in a room and with each other, one of them through a restart of the broker; a third reads what was said.

export async function play(stage) {
  const ann = await enter(stage, 'Ann');
  const ben = await enter(stage, 'Ben');
  await person(ann, 'Ben').waitFor();
  await say(ann, 'The tide is in');
  await message(ben, 'The tide is in').waitFor();

  // For Ann alone, who has another conversation open.
  await person(ben, 'Ann').click();
  await say(ben, 'Psst');
  await person(ann, 'Ben').getByText('1 unread').waitFor();
  await person(ann, 'Ben').click();
  await message(ann, 'Psst').waitFor();

  // What is said while there is no broker is pale until there is one.
  await room(ann, 'lobby').click();
  await room(ben, 'lobby').click();
  await stage.restart([ann, ben], async () => {
    await say(ben, 'Is anybody there?');
    await message(ben, 'Is anybody there?').getByText('waits for the broker').waitFor();
  });
  await message(ann, 'Is anybody there?').waitFor();
  await message(ben, 'Is anybody there?').getByText('waits for the broker').waitFor({ state: 'detached' });

  // Who loads the page again is the same person, and misses nothing that is said meanwhile. A newcomer reads the last messages.
  await ann.goto('about:blank');
  await say(ben, 'You have gone quiet');
  await ann.goBack();
  await stage.connected(ann);
  await message(ann, 'You have gone quiet').waitFor();
  const cara = await enter(stage, 'Cara');
  await message(cara, 'You have gone quiet').waitFor();
  const seen = { ann: await said(ann), ben: await said(ben), cara: await said(cara) };

  // Nobody says goodbye when a tab closes: the will does.
  await ben.close();
  await person(ann, 'Ben').getByText('away').waitFor();
  await person(cara, 'Ben').waitFor({ state: 'detached' });
  return { ...seen, people: await ann.locator('#people .name').allInnerTexts() };
}

async function enter(stage, name) {
  const page = await stage.open('chat');
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Your name').press('Enter');
  return page;
}

async function say(page, text) {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

const person = (page, name) => page.locator('#people').getByRole('button', { name });
const room = (page, name) => page.locator('#rooms').getByRole('button', { name });
const message = (page, text) => page.getByRole('log').getByRole('listitem').filter({ hasText: text });
const said = page => page.getByRole('log').locator('.bubble').allInnerTexts();
