// Uses the browser examples in headless Chromium, as people would: node examples.mjs SCENARIO ARGUMENT
//
// SCENARIO is one of examples/*.mjs; its `play(stage)` says what it has seen, which comes out as a line of JSON. ARGUMENT is
// JSON: `broker` is the address of a WebSocket listener; `site` is where the examples are, which otherwise are served from
// their folder; the rest is for the scenario. Lines before the last ask for something: {"broker":"kill"} and
// {"broker":"start"}. Whatever goes wrong comes out as {"failed": REASON}: what a page says on the browser's console, and a
// request to anybody but these two, included.

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import mqtt from 'mqtt';
import { chromium } from 'playwright-core';

import { serve } from './site.mjs';

const [scenario, text] = process.argv.slice(2);
const argument = JSON.parse(text);
const { broker, site } = argument;
const FOLDER = fileURLToPath(new URL('../../clients/web', import.meta.url));
/** How long a page may take to do what it is waited for, in milliseconds; the longest wait before a try is 30 seconds. */
const PATIENCE = 45_000;

const say = what => process.stdout.write(`${JSON.stringify(what)}\n`);

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

/** What a scenario has: pages, clients beside them, and a broker that can be killed. */
class Stage {
  argument = argument;
  faults = [];
  clients = [];
  #wasKilled = false;

  async begin() {
    this.served = site ? { address: site, close: () => {} } : await serve(FOLDER);
    this.browser = await chromium.launch({ executablePath: find('chromium'), args: ['--no-sandbox'] });
  }

  async end() {
    await Promise.all(this.clients.map(client => client.endAsync(true)));
    await this.browser?.close();
    this.served?.close();
  }

  /**
   * Opens an example, connected, as somebody who has never been here: with a browser's storage of its own, or that of the
   * page `beside` which it is opened. `query` are further parts of its address; other options are those of a context.
   */
  async open(example, { beside, query = {}, ...options } = {}) {
    const context = beside?.context() ?? await this.browser.newContext({
      viewport: { width: 1280, height: 860 }, ignoreHTTPSErrors: true, ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    this.#watch(page);
    const address = new URL(`${this.served.address}/${example}/`);
    for (const [name, value] of Object.entries({ ...(!site && { broker }), ...query })) address.searchParams.set(name, value);
    await page.goto(address.href);
    await this.connected(page);
    return page;
  }

  /** Waits until a page says that it is connected. */
  async connected(page) {
    await state(page, 'Connected').waitFor();
  }

  /** Kills the broker, waits until all these pages have noticed, and starts it again, until they are back. */
  async restart(pages, meanwhile = async () => {}) {
    this.#wasKilled = true;
    say({ broker: 'kill' });
    await Promise.all(pages.map(page => state(page, 'Trying again').waitFor()));
    await meanwhile();
    say({ broker: 'start' });
    await Promise.all(pages.map(page => this.connected(page)));
  }

  /** A client beside the pages, connected. */
  async client(clientId, options = {}) {
    const client = await mqtt.connectAsync(broker, {
      clientId, protocolVersion: 5, reconnectPeriod: 200, rejectUnauthorized: false, ...options,
    });
    this.clients.push(client);
    return client;
  }

  #watch(page) {
    // That nobody listened, a browser says by itself.
    const isExpected = message => this.#wasKilled && message.text().startsWith('WebSocket connection to');
    page.on('console', message => {
      if (['error', 'warning'].includes(message.type()) && !isExpected(message)) this.faults.push(message.text());
    });
    page.on('pageerror', error => this.faults.push(String(error.stack)));
    page.on('request', request => {
      const isOwn = request.url().startsWith(`${this.served.address}/`) || /^(data|blob):/.test(request.url());
      if (!isOwn) this.faults.push(`a request to ${request.url()}`);
    });
    page.on('websocket', socket => {
      if (socket.url() !== broker) this.faults.push(`a WebSocket to ${socket.url()}`);
    });
  }
}

/** A page's word for the state of its connection. */
const state = (page, word) => page.locator('.status summary').getByText(word, { exact: true });

const stage = new Stage();
let last;
try {
  const { play } = await import(`./examples/${scenario}.mjs`);
  await stage.begin();
  const seen = await play(stage);
  last = stage.faults.length ? { failed: stage.faults.join('\n') } : seen;
} catch (error) {
  last = { failed: [String(error.stack ?? error), ...stage.faults].join('\n') };
}
say(last);
await stage.end();
// A scenario that has failed may have left a timer.
process.exit(0);
