// Uses the dashboard in headless Chromium, as an operator would: node dashboard.mjs SCENARIO ARGUMENT
//
// SCENARIO is one of dashboard/*.mjs; its `play(desk)` says what it has seen, which comes out as a line of JSON. ARGUMENT
// is JSON: `admin` is the dashboard's address, `broker` that of a WebSocket listener, `token` the admin token, if there is
// one. Whatever goes wrong comes out as {"failed": REASON}: what the page says on the browser's console, and requests to
// anybody but the broker, included.

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { chromium } from 'playwright-core';

const [scenario, text] = process.argv.slice(2);
const { admin, broker, token } = JSON.parse(text);

/** Where a program is. */
function find(name) {
  const isThere = path => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  return (process.env.PATH ?? '').split(':').map(folder => join(folder, name)).find(isThere);
}

/** What a scenario has: a page, and clients beside it. */
class Desk {
  faults = [];
  clients = [];
  admin = admin;
  token = token;

  async open(options = {}) {
    const browser = await chromium.launch({ executablePath: find('chromium'), args: ['--no-sandbox'] });
    this.close = () => browser.close();
    await this.openPage(browser, options);
    this.newPage = async other => {
      await this.page.context().close();
      await this.openPage(browser, other);
    };
  }

  async openPage(browser, options) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const isExpected = message => token && message.location().url.startsWith(admin) && message.text().includes('401');
    page.on('console', message => {
      if (['error', 'warning'].includes(message.type()) && !isExpected(message)) this.faults.push(message.text());
    });
    page.on('pageerror', error => this.faults.push(String(error.stack)));
    page.on('request', request => {
      if (!request.url().startsWith(`${admin}/`)) this.faults.push(`a request to ${request.url()}`);
    });
    page.on('websocket', socket => {
      if (socket.url() !== `${admin.replace('http', 'ws')}/ws`) this.faults.push(`a WebSocket to ${socket.url()}`);
    });
    this.page = page;
    await page.goto(`${admin}/`);
  }

  /** Chooses a view. */
  async view(name) {
    await this.page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name }).click();
    await this.page.getByRole('heading', { level: 1, name }).waitFor();
  }

  /** A client beside the page, connected. */
  async client(clientId, options = {}) {
    const client = await mqtt.connectAsync(broker, { clientId, protocolVersion: 5, reconnectPeriod: 0, ...options });
    this.clients.push(client);
    return client;
  }

  /** Asks the API itself. */
  async api(method, path) {
    const response = await fetch(`${admin}/api/v1${path}`, { method });
    return { status: response.status, body: response.status === 204 ? null : await response.json() };
  }
}

const say = what => process.stdout.write(`${JSON.stringify(what)}\n`);
const desk = new Desk();
try {
  const { play } = await import(`./dashboard/${scenario}.mjs`);
  await desk.open();
  const seen = await play(desk);
  say(desk.faults.length ? { failed: desk.faults.join('\n') } : seen);
} catch (error) {
  say({ failed: [String(error.stack ?? error), ...desk.faults].join('\n') });
}
await Promise.all(desk.clients.map(client => client.endAsync(true)));
await desk.close?.();
// A scenario that has failed may have left a timer.
process.exit(0);
