// A page streams; another watches, once as fast as it goes and once slowly. Frames are dropped for the slow viewer alone.

export async function play(stage) {
  const streaming = await stage.open('streaming');
  const watching = await stage.open('streaming');
  await watching.getByText('Nobody is streaming').waitFor();
  await streaming.getByLabel('Frames a second').selectOption('10');
  await streaming.getByRole('button', { name: 'Start streaming' }).click();
  await watching.getByRole('button', { name: /^Watch: / }).click();
  await watching.getByRole('button', { name: /^Watch slowly: / }).click();
  const [fast, slow] = [tile(watching, /animation$/), tile(watching, /slowly$/)];
  await until(slow, ({ dropped }) => dropped >= 20);
  const [seenFast, seenSlow] = [await read(fast), await read(slow)];
  const isPicture = await fast.locator('canvas').evaluate(isColourful);

  // The page that streams lists both.
  const rows = streaming.getByRole('row');
  await rows.filter({ hasText: ', slow' }).waitFor();
  const listed = await rows.count() - 1;

  await stage.restart([streaming, watching]);
  await until(fast, ({ rate }) => rate >= 4);
  await until(slow, ({ rate }) => rate > 0);

  // A page that dies: its will takes the stream away.
  await streaming.close();
  await watching.getByText('Nobody is streaming').waitFor();
  return {
    fast: { isFluent: seenFast.rate >= 4, isTimely: seenFast.latency < 1_000, isWhole: seenFast.dropped <= 2 },
    slow: { isSlow: seenSlow.rate <= 2.5, isTimely: seenSlow.latency < 4_000 },
    isPicture,
    listed,
  };
}

const tile = (page, name) => page.getByRole('region', { name });

/** The numbers of a viewer. */
async function read(viewer) {
  const value = async name => Number.parseFloat(await viewer.locator(`[data-name=${name}]`).innerText());
  return { rate: await value('rate'), latency: await value('latency'), dropped: await value('dropped') };
}

async function until(viewer, isSo) {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const seen = await read(viewer);
    if (isSo(seen)) return;
    if (Date.now() > deadline) throw new Error(`it stays at ${JSON.stringify(seen)}`);
    await viewer.page().waitForTimeout(100);
  }
}

/** Whether a canvas has more than one colour. */
function isColourful(canvas) {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  for (let at = 0; at < data.length; at += 400) colours.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
  return colours.size > 20;
}
