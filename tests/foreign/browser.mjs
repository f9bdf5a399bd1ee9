// A page in headless Chromium, with the files it asks for. What it posts to /say is heard.

import { spawn } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file beside this one. */
export const script = path => ['text/javascript', () => readFile(fileURLToPath(new URL(path, import.meta.url)))];

/** The libraries' own bundles. */
export const BUNDLES = {
  '/mqtt.js': script('node_modules/mqtt/dist/mqtt.min.js'),
  '/stomp.js': script('node_modules/@stomp/stompjs/bundles/stomp.umd.min.js'),
};

// Without these, it looks for its maker's servers, which a machine may not reach.
const QUIET = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--host-resolver-rules=MAP *.test 127.0.0.1'];

/** Trusts the server that shows this certificate (PEM), whoever has issued it. */
function trusting(certificate) {
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return `--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`;
}

/**
 * Opens the page, `hear` gets what it says. Returns what closes it.
 *
 * @param files the type and the reader of each, by its path
 * @param host the name that the page is opened by; every name that ends with .test is this machine's
 */
export async function open(html, files, { hear, certificate, host = '127.0.0.1' }) {
  const served = { '/': ['text/html', () => html], ...files };
  const server = createServer(async (request, response) => {
    if (request.url === '/say') {
      let body = '';
      for await (const chunk of request) body += chunk;
      response.end();
      hear(body);
      return;
    }
    const [type, read] = served[request.url] ?? [];
    response.writeHead(type ? 200 : 404, { 'content-type': type ?? 'text/plain' });
    response.end(type ? await read() : 'not here');
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  const flags = [...QUIET, ...(certificate ? [trusting(certificate)] : []), `--user-data-dir=${profile}`];
  const browser = spawn('chromium', [...flags, `http://${host}:${server.address().port}/`], { stdio: 'ignore' });
  const ended = new Promise(resolve => {
    browser.on('exit', resolve);
    browser.on('error', error => { hear(`FAILED browser: ${error.message}`); resolve(); });
  });
  return async function close() {
    browser.kill();
    const late = setTimeout(() => browser.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(late);
    server.close();
    server.closeAllConnections();
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  };
}
