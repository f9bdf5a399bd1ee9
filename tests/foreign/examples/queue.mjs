// Jobs go to one worker each; what a closed page had goes to another page's worker; a refused job is tried again; and what the
// broker has confirmed, or the page still has, survives a restart of the broker.

export async function play(stage) {
  const staying = await stage.open('queue');
  const closing = await stage.open('queue');
  for (const page of [staying, closing]) await byHand(page);
  const seen = {};

  // All of the page that stays are busy, so this one goes to the other page.
  await add(staying, 'Paint the fence');
  await add(staying, 'Sweep the yard');
  await add(staying, 'Feed the cat');
  await add(staying, 'Water the roses');
  for (const page of [staying, closing]) {
    for (const worker of await workers(page)) await worker.getByRole('button', { name: ': Done' }).and(page.locator(':enabled')).waitFor();
  }
  const [had] = await jobs(closing);
  for (const worker of await workers(staying)) await worker.getByRole('button', { name: ': Done' }).click();
  await closing.close();
  const inherited = workerWith(staying, had);
  await inherited.getByText('try 2').waitFor();
  for (const worker of await workers(staying)) await worker.getByRole('button', { name: ': Done' }).click();
  await logged(staying, `finished ${had}`);

  // Given back, it comes again; refused, it is a dead letter, and can be tried again.
  await add(staying, 'Mend the gate');
  await workerWith(staying, 'Mend the gate').getByRole('button', { name: ': Give back' }).click();
  await workerWith(staying, 'Mend the gate').getByText('try 2').waitFor();
  await workerWith(staying, 'Mend the gate').getByRole('button', { name: ': Refuse' }).click();
  const letter = staying.getByRole('list', { name: 'Dead letters' }).getByRole('listitem');
  await letter.waitFor();
  seen.letter = await letter.locator('.title, small').allInnerTexts();
  await letter.getByRole('button', { name: 'Try again: Mend the gate' }).click();
  await letter.waitFor({ state: 'detached' });
  await workerWith(staying, 'Mend the gate').getByRole('button', { name: ': Done' }).click();

  // Nobody works: what waits, waits through the restart, and so does what is added while there is no broker.
  const kill = staying.getByRole('button', { name: /^Kill/ });
  while (await kill.count() > 0) await kill.first().click();
  await add(staying, 'Lock the door');
  const waiting = staying.getByRole('list', { name: 'Jobs that wait' }).getByRole('listitem');
  await waiting.filter({ hasText: 'Lock the door' }).waitFor();
  await stage.restart([staying], async () => {
    await add(staying, 'Light the lamp');
    await staying.getByText('1 will be sent when the broker is back').waitFor();
  });
  await waiting.filter({ hasText: 'Light the lamp' }).waitFor();
  seen.waiting = await waiting.allInnerTexts();
  await staying.getByRole('button', { name: 'Hire a worker' }).click();
  for (const title of seen.waiting) await logged(staying, `finished ${title}`);
  return seen;
}

const workers = page => page.locator('#workers section').all();
const workerWith = (page, job) => page.locator('#workers section').filter({ hasText: job });
const jobs = page => page.locator('#workers .job').allInnerTexts();
const logged = (page, text) => page.getByRole('log').getByText(text).first().waitFor();

async function byHand(page) {
  for (const worker of await workers(page)) await worker.getByLabel('Works by itself').uncheck();
}

async function add(page, title) {
  await page.getByLabel('A job').fill(title);
  await page.getByRole('button', { name: 'Add', exact: true }).click();
}
