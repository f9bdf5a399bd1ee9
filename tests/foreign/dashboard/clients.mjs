// Finds a client among others, looks at it, kicks it, bans it, and lets it in again.

export async function play(desk) {
  const { page } = desk;
  for (const name of ['pump-1', 'pump-2', 'valve-1']) await desk.client(name, { properties: { sessionExpiryInterval: 60 } });
  const victim = await desk.client('valve-2', { will: { topic: 'will/valve-2', payload: 'gone' } });
  await victim.subscribeAsync(['plant/+/pressure', '$share/workers/jobs']);
  const ended = new Promise(resolve => {
    victim.on('disconnect', ({ reasonCode }) => resolve(reasonCode));
  });

  await desk.view('Clients');
  await page.getByRole('link', { name: 'pump-1' }).waitFor();
  await page.getByLabel('Search').fill('VALVE');
  await page.getByRole('link', { name: 'pump-1' }).waitFor({ state: 'detached' });
  const listed = await page.locator('tbody a').allInnerTexts();
  await page.getByRole('link', { name: 'valve-2' }).click();
  await page.getByRole('heading', { level: 1, name: 'valve-2' }).waitFor();
  await page.getByText('plant/+/pressure').waitFor();
  const detail = await page.locator('main').innerText();

  await page.getByRole('button', { name: 'Kick' }).click();
  const dialog = page.getByRole('dialog', { name: 'Kick valve-2?' });
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  const isSpared = victim.connected;
  await page.getByRole('button', { name: 'Kick' }).click();
  await dialog.getByRole('button', { name: 'Kick' }).click();
  const reason = await ended;
  await page.getByText('No such client').waitFor();

  const returned = await desk.client('valve-2');
  const banned = new Promise(resolve => {
    returned.on('close', resolve);
  });
  await desk.view('Clients');
  await page.getByRole('link', { name: 'valve-2' }).click();
  await page.getByRole('button', { name: 'Ban' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Ban' }).click();
  await banned;
  const refused = await desk.client('valve-2').then(() => 'let in', () => 'refused');
  await desk.view('Clients');
  await page.getByRole('button', { name: 'Lift the ban of valve-2' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Lift the ban' }).click();
  await page.getByRole('region', { name: '1 ban' }).waitFor({ state: 'detached' });
  await desk.client('valve-2');

  const knows = ['MQTT 5', 'WebSocket', 'anonymous', 'will/valve-2', '$share/workers/jobs', 'workers']
    .filter(word => detail.includes(word));
  // What is gone is answered by 404, of which browsers tell.
  desk.faults = desk.faults.filter(fault => !fault.includes('404'));
  return { listed, isSpared, reason, refused, knows };
}
