// Every example on a screen, of which the argument names the kind: axe finds nothing serious, and nothing is wider than it.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const EXAMPLES = ['chat', 'notifications', 'editor', 'game', 'dashboard', 'streaming', 'queue'];
const SCREENS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};
const GRAVE = ['serious', 'critical'];

export async function play(stage) {
  const axe = await readFile(fileURLToPath(new URL('../node_modules/axe-core/axe.min.js', import.meta.url)), 'utf8');
  const found = [];
  let looked = 0;
  const look = async (page, name) => {
    const { violations } = await page.evaluate(`${axe}; axe.run()`);
    const grave = violations.filter(({ impact }) => GRAVE.includes(impact));
    found.push(...grave.map(({ id, nodes }) => `${name}: ${id}: ${nodes[0].html}`));
    const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (excess > 0) found.push(`${name}: ${excess} pixels too wide`);
    looked += 1;
  };
  const options = SCREENS[stage.argument.screen];
  for (const example of EXAMPLES) {
    const page = await stage.open(example, options);
    await BUSY[example]?.(page);
    await look(page, example);
    await page.locator('.status summary').click();
    await look(page, `${example}, state opened`);
    await page.context().close();
  }
  const page = await stage.open('chat', options);
  await page.getByRole('link', { name: 'Tidewire' }).click();
  await page.getByRole('heading', { level: 1, name: 'Examples' }).waitFor();
  await look(page, 'gallery');
  return { looked, found };
}

/** What gives an example something to show. */
const BUSY = {
  chat: async page => {
    await page.getByLabel('Message', { exact: true }).fill('Hello');
    await page.keyboard.press('Enter');
    await page.getByRole('log').locator('.own:not(.waiting)').first().waitFor();
  },
  notifications: async page => {
    await page.getByRole('button', { name: 'Send five' }).click();
    await page.getByText('5 new').waitFor();
  },
  editor: async page => page.getByRole('textbox').fill('A text'),
  game: async page => page.getByRole('button', { name: 'Sit here' }).first().click(),
  dashboard: async page => {
    await page.getByRole('button', { name: 'Feed it from this tab' }).click();
    await page.getByRole('img', { name: 'round trip' }).waitFor();
  },
  streaming: async page => {
    await page.getByRole('button', { name: 'Start streaming' }).click();
    await page.getByRole('button', { name: /^Watch slowly/ }).click();
    await page.getByRole('row').filter({ hasText: ', slow' }).waitFor();
  },
  queue: async page => {
    await page.getByRole('button', { name: 'Add ten' }).click();
    await page.getByRole('button', { name: ': Refuse' }).and(page.locator(':enabled')).first().click();
    await page.getByRole('button', { name: /^Discard/ }).first().waitFor();
  },
};
