// Drives a page in headless Chromium: node page.mjs PAGE ARGUMENT
//
// PAGE is one of pages/*.mjs; its `play(argument, say)` has both libraries, as `mqtt` and `StompJs`. What it says
// comes out as a line of JSON, and what it fails of as {"failed": REASON}. ARGUMENT is JSON; its `certificate` (PEM) is
// the server's that is to be trusted, its `host` the name that the page is opened by. The page stays open until standard
// input ends.

import { BUNDLES, open, script } from './browser.mjs';

const [page, text] = process.argv.slice(2);
const { certificate, host } = JSON.parse(text);
const HTML = `<!doctype html><script src="/mqtt.js"></script><script src="/stomp.js"></script><script type="module">
  const say = what => fetch('/say', { method: 'POST', body: JSON.stringify(what) });
  try {
    const { play } = await import('/play.mjs');
    await play(${text.replaceAll('<', '\\u003c')}, say);
  } catch (error) {
    await say({ failed: String(error.stack ?? error) });
  }
</script>`;
const hear = line => process.stdout.write(`${line}\n`);
const files = { ...BUNDLES, '/play.mjs': script(`pages/${page}.mjs`), '/lib.mjs': script('pages/lib.mjs') };
const close = await open(HTML, files, { hear, certificate, host });
process.stdin.resume();
process.stdin.on('end', async () => {
  await close();
  process.exit(0);
});
