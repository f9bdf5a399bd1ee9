// What is sent to somebody who is away waits in the broker: for a connection, for a tab, and through a restart.

export async function play(stage) {
  const sender = await stage.open('notifications');
  let page = await stage.open('notifications');
  const seen = {};

  await page.getByRole('button', { name: 'Go away' }).click();
  await page.getByRole('button', { name: 'Come back' }).waitFor();
  await sender.getByRole('button', { name: 'Send five' }).click();
  await sender.getByText('5 sent').waitFor();
  await page.getByRole('button', { name: 'Come back' }).click();
  await page.getByText('While you were away: 5').waitFor();
  await page.getByText('5 new').waitFor();
  await page.getByRole('button', { name: 'Mark all as read' }).click();

  await send(sender, 'Alarm', 'Fire in the lighthouse');
  await item(page, 'Fire in the lighthouse').waitFor();
  seen.live = await item(page, 'Fire in the lighthouse').innerText();
  seen.unread = await page.locator('#unread').innerText();

  // The tab is closed; the broker is killed and comes back; then somebody opens the page again.
  const context = page.context();
  await page.close();
  await send(sender, 'News', 'The ferry is late');
  await sender.getByText('7 sent').waitFor();
  await stage.restart([sender], () => send(sender, 'Order', 'One anchor'));
  await sender.getByText('8 sent').waitFor();
  page = await stage.open('notifications', { beside: { context: () => context } });
  await page.getByText('While you were away: 2').waitFor();
  seen.missed = await page.getByRole('listitem').filter({ hasText: 'missed' }).locator('.text').allInnerTexts();
  seen.missed = seen.missed.slice(0, 2);
  seen.all = await page.getByRole('list', { name: 'For you' }).getByRole('listitem').count();
  return seen;
}

async function send(page, kind, text) {
  await page.getByRole('radio', { name: kind }).check();
  await page.getByLabel('Text').fill(text);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
}

const item = (page, text) => page.getByRole('listitem').filter({ hasText: text });
