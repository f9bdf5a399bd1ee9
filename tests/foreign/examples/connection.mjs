// How the pages connect: how long they wait, and what becomes of a session that two tabs want.

export async function play(stage) {
  const first = await stage.open('notifications');
  const waits = await first.evaluate(drawWaits);

  // Where a browser has no locks, a second tab has the same session, and the broker gives it to the later one.
  await first.context().addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }));
  await first.reload();
  await stage.connected(first);
  const second = await stage.open('notifications', { beside: first });
  await isOut(first);
  await first.locator('.status summary').click();
  const reason = await first.locator('.status .reason').innerText();
  await first.getByRole('button', { name: 'Try now' }).click();
  await stage.connected(first);
  await isOut(second);

  // A try by hand does not wait for its time.
  await stage.restart([first], async () => {
    await first.getByRole('button', { name: 'Try now' }).click();
    await first.locator('.status .seconds').getByText(/^ in \d+ s$/).waitFor();
  });
  return { waits, reason, second: await second.locator('.status summary').innerText() };
}

const isOut = page => page.locator('.status summary').getByText('Not connected', { exact: true }).waitFor();

/** The shortest and the longest of many waits, in milliseconds, by failures in a row: whether they are spread, and bounded. */
async function drawWaits() {
  const { delayAfter } = await import('../kit/connection.js');
  return [0, 1, 2, 3, 4, 5, 20].map(failures => {
    const waits = Array.from({ length: 2_000 }, () => delayAfter(failures)).sort((one, other) => one - other);
    const max = Math.min(30_000, 1_000 * 2 ** failures);
    const isSpread = waits[0] < 200 + max * 0.05 && waits.at(-1) > max * 0.95;
    return isSpread && waits[0] >= 200 && waits.at(-1) <= max ? 'fine' : `${failures}: ${waits[0]} to ${waits.at(-1)}`;
  });
}
