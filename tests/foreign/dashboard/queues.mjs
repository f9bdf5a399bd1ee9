// Looks into a queue that nobody takes from, and purges it.

export async function play(desk) {
  const { page } = desk;
  const publisher = await desk.client('publisher');
  for (let number = 1; number <= 5; number += 1) {
    await publisher.publishAsync('$queue/orders', JSON.stringify({ order: number }), { qos: 1 });
  }
  await desk.view('Queues');
  await page.getByRole('link', { name: 'orders' }).click();
  await page.getByRole('heading', { level: 1, name: 'orders' }).waitFor();
  const waiting = page.getByRole('list', { name: 'Messages that wait' });
  await waiting.getByText('{"order":5}').waitFor();
  const peeked = await waiting.locator('summary').allInnerTexts();
  const { body: before } = await desk.api('GET', '/queues/orders');

  await page.getByRole('button', { name: 'Purge' }).click();
  await page.getByRole('dialog', { name: 'Purge orders?' }).getByRole('button', { name: 'Purge' }).click();
  await page.getByText('5 messages purged').waitFor();
  await page.getByText('Nothing is in this queue').waitFor();
  const { status } = await desk.api('GET', '/queues/orders');
  // What is gone is answered by 404, of which browsers tell.
  desk.faults = desk.faults.filter(fault => !fault.includes('404'));
  return { peeked, before: before.depth, after: status };
}
