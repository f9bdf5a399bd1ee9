// Rates rise under load.

export async function play(desk) {
  const before = await rate(desk.page, 0);
  const publisher = await desk.client('load');
  const load = setInterval(() => {
    for (let count = 0; count < 30; count += 1) publisher.publish('load', 'x'.repeat(100));
  }, 50);
  const after = await rate(desk.page, 100);
  clearInterval(load);
  return { before, after };
}

/** Messages a second that come in, as the page has it, once they are at least so many. */
async function rate(page, least) {
  const found = await page.waitForFunction(wanted => {
    const label = document.querySelector('[role=img][aria-label^="Messages of"]')?.getAttribute('aria-label') ?? '';
    const [, number, power] = /now in ([\d.]+)(K?)\/s/.exec(label) ?? [];
    const value = Number(number) * (power ? 1000 : 1);
    // In an object, since 0 would count as not found yet.
    return value >= wanted ? { value } : null;
  }, least);
  return (await found.jsonValue()).value;
}
