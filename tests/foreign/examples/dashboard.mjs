// A machine and one tab measure themselves, others draw it; so does a source that has sent its only value before a newcomer came.

export async function play(stage) {
  const feeding = await stage.open('dashboard');
  const looking = await stage.open('dashboard');
  await source(looking, 'machine').getByText('live').waitFor();
  await chart(looking, 'processors').waitFor();
  await feeding.getByRole('button', { name: 'Feed it from this tab' }).click();
  await chart(looking, 'round trip').waitFor();

  // A source that sends once: there is no second value to wait for.
  const pump = await stage.client('pump');
  const send = (text, options) => pump.publishAsync('demo/dashboard/pump', text, { qos: 1, ...options });
  await send('{"temperature (°C)":71}', { retain: true });
  const newcomer = await stage.open('dashboard');
  await value(newcomer, 'temperature', 'pump 71').waitFor();
  // What is no object of numbers changes nothing.
  for (const text of ['{', '[1]', 'null', '7', '{"temperature (°C)":"hot"}', '{"temperature (°C)":1e999}']) await send(text);
  await send('{"temperature (°C)":72}', { retain: true });
  await value(newcomer, 'temperature', 'pump 72').waitFor();
  await chart(newcomer, 'processors').waitFor();
  const names = await newcomer.getByRole('list', { name: 'Sources' }).locator('span').allInnerTexts();
  const tab = names.find(name => !['machine', 'pump'].includes(name));
  const charts = await newcomer.locator('.chart h2').allTextContents();

  await stage.restart([feeding, looking, newcomer], async () => {
    for (const name of ['machine', tab]) await source(looking, name).getByText('last heard').waitFor();
  });
  for (const name of ['machine', tab]) await source(looking, name).getByText('live').waitFor();
  // What was drawn before is still there.
  await value(looking, 'temperature', 'pump 72').waitFor();

  // A tab that dies leaves nothing behind: its will takes the value away.
  await feeding.close();
  await source(looking, tab).waitFor({ state: 'detached' });
  await chart(looking, 'round trip').waitFor({ state: 'detached' });
  return { sources: names.map(name => (name === tab ? 'a tab' : name)).sort(), charts: charts.sort() };
}

const source = (page, name) => page.getByRole('list', { name: 'Sources' }).getByRole('listitem').filter({ hasText: name });
const chart = (page, title) => page.getByRole('img', { name: title });
/** A chart that says it has this as its last value. */
const value = (page, title, text) => chart(page, title).and(page.locator(`[aria-label$="now ${text}"]`));
