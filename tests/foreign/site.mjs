// Serves a folder by http, as any web server would, under the policy that the broker's own `/demo/` has: nothing but what the
// page's own origin has, no scripts within pages but an import map.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };

const policy = html => {
  const maps = [...html.matchAll(/<script type="importmap">(.*?)<\/script>/gs)];
  const hashes = maps.map(([, text]) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`);
  return `default-src 'none'; script-src 'self' ${hashes.join(' ')}; style-src 'self'; img-src 'self' data: blob:; `
    + `media-src 'self' blob:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
};

/** Serves a folder. Returns its address, and what ends it. */
export async function serve(folder) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://site').pathname)).replace(/\/$/, '/index.html');
    try {
      const bytes = await readFile(join(folder, path));
      const type = TYPES[extname(path)] ?? 'text/plain';
      response.writeHead(200, {
        'content-type': `${type}; charset=utf-8`,
        'content-security-policy': policy(type === 'text/html' ? bytes.toString() : ''),
        'x-content-type-options': 'nosniff',
      });
      response.end(bytes);
    } catch {
      response.writeHead(404);
      response.end();
    }
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { address: `http://127.0.0.1:${server.address().port}`, close };
}
