// A game is played to its end: with a reload, a restart of the broker, a spectator, and somebody who cheats.

export async function play(stage) {
  const ann = await enter(stage, 'Ann', { room: 'quay' });
  const ben = await enter(stage, 'Ben', { room: 'quay' });
  const cara = await enter(stage, 'Cara');
  await seat(ann, 0).click();
  await says(ann, 'Waiting for somebody to sit down');
  await ben.locator('.seat').getByText('Ann').waitFor();
  await seat(ben, 1).click();
  await says(ann, 'Your turn');
  await says(ben, 'Ann to move');

  await move(ann, 4, ben);
  await move(ben, 4, ann);
  // In the middle of it, a page is loaded again.
  await ann.reload();
  await stage.connected(ann);
  await says(ann, 'Your turn');
  await move(ann, 3, ben);
  // Whoever looks on finds the table, and the game.
  await cara.getByRole('button', { name: 'quay' }).click();
  await says(cara, 'Ben to move');
  const before = await board(cara);

  // A second move at once, one in the place of another, and one for the other player, all in Ann's name; and what is no game.
  const cheat = await stage.client('cheat');
  await cara.evaluate(watchBoard);
  const { id } = await ann.evaluate(() => JSON.parse(sessionStorage.getItem('tidewire-game')));
  for (const moves of [[3, 3, 2, 2, 1], [3, 3, 6], [3, 2, 2], [3, 3, 2, 9], 'all of them']) {
    const body = JSON.stringify({ id, name: 'Ann', round: 0, moves });
    await cheat.publishAsync('demo/game/quay/0', body, { qos: 1, retain: true });
  }
  await cheat.publishAsync('demo/game/quay/2', '{', { qos: 1 });
  // What the cheat has sent last is there when all before it is.
  await cheat.publishAsync('demo/game/marina/0', '{"id":"x","name":"Xenia","round":0,"moves":[]}', { qos: 1 });
  await cara.getByRole('button', { name: 'marina' }).waitFor();
  const flickers = await cara.evaluate(() => window.boards.size - 1);
  await says(ben, 'Your turn');
  await move(ben, 4, cara);
  const late = await enter(stage, 'Dora', { room: 'quay' });
  await says(late, 'Ann to move');
  const isFair = [before, await board(ann)];

  await stage.restart([ann, ben, cara]);
  await says(ann, 'Your turn');
  await move(ann, 2, ben);
  await move(ben, 4, ann);
  await move(ann, 1, ben);
  await says(ann, 'You have won');
  await says(ben, 'Ann has won');
  await says(cara, 'Ann has won');

  // The next round begins when both want it, and with the other player.
  await ann.getByRole('button', { name: 'Play again' }).click();
  await ben.getByRole('button', { name: 'Ann begins anew: join' }).click();
  await says(ben, 'Your turn');
  await says(cara, 'Ben to move');
  await ben.getByRole('button', { name: 'Stand up' }).click();
  await says(cara, 'A seat is free');
  const wrong = await cara.evaluate(agreeAll, AGREEMENTS);
  return { isFair, flickers, wrong, tables: await cara.locator('#tables li').allInnerTexts() };
}

/** What both say of a game, and what comes of it. The first begins. */
const AGREEMENTS = [
  { what: 'a move that the other has not seen yet', one: [3], other: [], moves: [3] },
  { what: 'both are as far', one: [3, 4], other: [3, 4], moves: [3, 4] },
  { what: 'a second move at once', one: [3, 4, 4, 1, 2], other: [3, 4], moves: [3, 4, 4] },
  { what: 'a move claimed for the other', one: [3, 4], other: [3], moves: [3] },
  { what: 'a move in the place of another', one: [2, 4], other: [3, 4], moves: [] },
  { what: 'a move taken back', one: [3], other: [3, 4, 4], moves: [3, 4] },
  { what: 'no column', one: [3, 4, 7], other: [3, 4], moves: [3, 4] },
  { what: 'a column that is full', one: [0, 0, 0, 0, 0, 0, 0], other: [0, 0, 0, 0, 0, 0], moves: [0, 0, 0, 0, 0, 0] },
  { what: 'a move after the end', one: [0, 1, 0, 1, 0, 1, 0], other: [0, 1, 0, 1, 0, 1, 0, 1], moves: [0, 1, 0, 1, 0, 1, 0] },
];

async function agreeAll(agreements) {
  const { agree } = await import('./rules.js');
  const isWrong = ({ one, other, moves }) =>
    agree([one, other].map(said => ({ round: 0, moves: said }))).moves.join() !== moves.join();
  return agreements.filter(isWrong).map(({ what }) => what);
}

/** Keeps everything that the board shows from now on. */
function watchBoard() {
  const board = document.querySelector('#board');
  window.boards = new Set([board.getAttribute('aria-label')]);
  new MutationObserver(() => window.boards.add(board.getAttribute('aria-label'))).observe(board, { attributes: true });
}

async function enter(stage, name, query = {}) {
  const page = await stage.open('game', { query });
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Your name').press('Enter');
  await page.getByRole('heading', { name: 'Tables' }).click();
  return page;
}

const seat = (page, number) => page.locator('.seat').nth(number).getByRole('button', { name: 'Sit here' });
const says = (page, words) => page.locator('#say').getByText(words, { exact: true }).waitFor();
const board = page => page.locator('#board').getAttribute('aria-label');

/** Drops a disc by its key, and waits until another page has it. */
async function move(page, column, other) {
  const before = await board(other);
  await page.keyboard.press(String(column));
  await other.waitForFunction(was => document.querySelector('#board').getAttribute('aria-label') !== was, before);
}
