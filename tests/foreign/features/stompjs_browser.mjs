// @stomp/stompjs in headless Chromium: node stompjs_browser.mjs MQTT_PORT WEBSOCKET_PORT
//
// Serves a page that plays the features with the library's own bundle, and waits for what it says.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path => fileURLToPath(new URL(path, import.meta.url));
const PAGE = `<!doctype html><script src="/stomp.js"></script><script type="module">
  import { play } from '/play.mjs';
  const lines = await play(StompJs.Client, 'ws://127.0.0.1:${process.argv[3]}/').catch(error => ['FAILED page: ' + error]);
  await fetch('/report', { method: 'POST', body: lines.join('\\n') });
</script>`;
const FILES = {
  '/': ['text/html', async () => PAGE],
  '/stomp.js': ['text/javascript', () => readFile(here('../node_modules/@stomp/stompjs/bundles/stomp.umd.min.js'))],
  '/play.mjs': ['text/javascript', () => readFile(here('stompjs_play.mjs'))],
};
// Without these, it looks for its maker's servers, which a machine may not reach.
const QUIET = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let report;
const reported = new Promise(resolve => { report = resolve; });
const server = createServer(async (request, response) => {
  if (request.url === '/report') {
    let body = '';
    for await (const chunk of request) body += chunk;
    response.end();
    report(body);
    return;
  }
  const [type, read] = FILES[request.url] ?? [];
  response.writeHead(type ? 200 : 404, { 'content-type': type ?? 'text/plain' });
  response.end(type ? await read() : 'not here');
});
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
const browser = spawn('chromium', [...QUIET, `--user-data-dir=${profile}`, `http://127.0.0.1:${server.address().port}/`],
  { stdio: 'ignore' });
browser.on('error', error => report(`FAILED browser: ${error.message}`));
const late = setTimeout(() => report('FAILED browser: it said nothing for two minutes'), 120_000);
const text = await reported;
clearTimeout(late);
browser.kill();
await new Promise(resolve => browser.exitCode === null ? browser.on('exit', resolve) : resolve());
await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
console.log(text);
process.exit(text.split('\n').every(line => line.startsWith('ok ')) ? 0 : 1);
