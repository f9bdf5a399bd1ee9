// Follows a client while it publishes, from its own page.

export async function play(desk) {
  const { page } = desk;
  const client = await desk.client('traced');
  const other = await desk.client('other');
  await desk.view('Clients');
  await page.getByRole('link', { name: 'traced' }).click();
  await page.getByRole('link', { name: 'Trace', exact: true }).last().click();
  await page.getByText('following traced').waitFor();
  // What comes before the broker has begun to watch is not seen.
  const beat = setInterval(() => {
    client.publish('of/traced', 'hello', { qos: 1 });
    other.publish('of/other', 'hello');
  }, 200);
  const events = page.getByRole('list', { name: 'Events' }).getByRole('listitem');
  const event = events.filter({ hasText: 'of/traced' }).first();
  await event.waitFor();
  const words = ['in', 'PUBLISH', 'traced', 'of/traced'];
  const said = (await event.innerText()).split(/\s+/);
  await page.getByRole('button', { name: 'Stop' }).click();
  clearInterval(beat);
  return { lacks: words.filter(word => !said.includes(word)), others: await events.filter({ hasText: 'of/other' }).count() };
}
