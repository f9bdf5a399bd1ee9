// The list of examples leads to each of them, with the broker that the list was opened for.

export async function play(stage) {
  const page = await stage.open('chat');
  await page.getByRole('link', { name: 'Tidewire' }).click();
  const names = await page.getByRole('listitem').getByRole('heading').allInnerTexts();
  for (const name of names) {
    await page.getByRole('link', { name }).click();
    await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
    await stage.connected(page);
    await page.getByRole('link', { name: 'Tidewire' }).click();
    await page.getByRole('heading', { level: 1, name: 'Examples' }).waitFor();
  }
  const pictures = await page.locator('.gallery img').evaluateAll(all => all.filter(image => image.naturalWidth > 0).length);
  return { names, pictures };
}
