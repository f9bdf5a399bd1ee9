// Every view in both colour schemes and on a phone: axe finds nothing serious, and nothing is wider than the screen.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const VIEWS = ['', 'clients', 'clients/pump-1', 'topics', 'topics/plant%2Fstate', 'queues', 'queues/orders', 'console', 'trace'];
const SCREENS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true },
};
const GRAVE = ['serious', 'critical'];

export async function play(desk) {
  const axe = await readFile(fileURLToPath(new URL('../node_modules/axe-core/axe.min.js', import.meta.url)), 'utf8');
  const client = await desk.client('pump-1');
  await client.subscribeAsync('plant/#');
  await client.publishAsync('plant/state', '{"ok":true}', { qos: 1, retain: true });
  await client.publishAsync('$queue/orders', '{"order":1}', { qos: 1 });
  const found = [];
  let looked = 0;
  for (const [screen, options] of Object.entries(SCREENS)) {
    await desk.newPage(options);
    for (const view of VIEWS) {
      await desk.page.goto(`${desk.admin}/#/${view}`);
      await desk.page.waitForFunction(isSettled);
      const { violations } = await desk.page.evaluate(`${axe}; axe.run()`);
      const grave = violations.filter(({ impact }) => GRAVE.includes(impact));
      found.push(...grave.map(({ id, nodes }) => `${screen} ${view}: ${id}: ${nodes[0].html}`));
      const excess = await desk.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (excess > 0) found.push(`${screen} ${view}: ${excess} pixels too wide`);
      looked += 1;
    }
  }
  return { looked, found };
}

/** Whether the view shows something, and the broker has answered. */
function isSettled() {
  return document.querySelector('main h1') && /Version \d/.test(document.querySelector('.side').textContent)
    && (!/topics\/|queues\/|clients\//.test(location.hash) || document.querySelector('main .card .body, main .empty'));
}
