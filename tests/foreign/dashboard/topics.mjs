// Opens the tree of topics, looks at what is retained, sees a message come, and clears it.

export async function play(desk) {
  const { page } = desk;
  const publisher = await desk.client('publisher');
  const retained = { qos: 1, retain: true };
  await publisher.publishAsync('plant/boiler/state', '{"celsius":71,"ok":true}', retained);
  await publisher.publishAsync('plant/boiler/image', Buffer.from([0, 255, 16, 65]), retained);

  await desk.view('Topics');
  const level = name => page.getByRole('treeitem', { name, exact: false }).last();
  await level(/^▸?\s*plant/).click();
  // By keyboard from here on.
  await level('boiler').waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await level('state').waitFor();
  await level('state').click();
  const payload = page.getByRole('region', { name: 'Retained payload' });
  const json = JSON.parse(await payload.innerText());
  await page.getByRole('button', { name: 'Hex' }).click();
  const hex = (await payload.innerText()).split('\n')[0];

  const coming = page.getByRole('list', { name: 'Messages' });
  // The page has subscribed when it has heard something.
  const beat = setInterval(() => publisher.publish('plant/boiler/state', '{"celsius":72,"ok":true}', retained), 200);
  await coming.getByText('{"celsius":72').first().waitFor();
  clearInterval(beat);
  await page.getByRole('button', { name: 'JSON' }).first().click();
  await payload.getByText('72').waitFor();

  await level('image').click();
  const bytes = await payload.innerText();
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Clear' }).click();
  await page.getByText('Nothing is retained at this topic').waitFor();
  const { status } = await desk.api('GET', '/retained/plant%2Fboiler%2Fimage');
  return { json, hex, bytes, status };
}
