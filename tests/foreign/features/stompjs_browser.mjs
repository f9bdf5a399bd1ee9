// @stomp/stompjs in headless Chromium: node stompjs_browser.mjs MQTT_PORT WEBSOCKET_PORT
//
// A page plays the features with the library's own bundle; waits for what it says.

import { BUNDLES, open, script } from '../browser.mjs';

const PAGE = `<!doctype html><script src="/stomp.js"></script><script type="module">
  import { play } from '/play.mjs';
  const lines = await play(StompJs.Client, 'ws://127.0.0.1:${process.argv[3]}/').catch(error => ['FAILED page: ' + error]);
  await fetch('/say', { method: 'POST', body: lines.join('\\n') });
</script>`;

let report;
const reported = new Promise(resolve => { report = resolve; });
const close = await open(PAGE, { ...BUNDLES, '/play.mjs': script('features/stompjs_play.mjs') }, { hear: report });
const late = setTimeout(() => report('FAILED browser: it said nothing for two minutes'), 120_000);
const text = await reported;
clearTimeout(late);
await close();
console.log(text);
process.exit(text.split('\n').every(line => line.startsWith('ok ')) ? 0 : 1);
