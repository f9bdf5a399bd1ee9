// Features of @stomp/stompjs, one function each. Runs in Node and in a browser alike: it is given the library's Client
// and the broker's URL, and says of each feature whether it went as the library expects.

const PATIENCE_MS = 10_000;

/** Plays every feature and returns lines: "ok NAME", or "FAILED NAME: why". */
export async function play(Client, url) {
  const lines = [];
  for (const [name, feature] of Object.entries(features)) {
    const stage = new Stage(Client, url);
    try {
      await Promise.race([feature(stage), late(name)]);
      lines.push(`ok ${name}`);
    } catch (error) {
      lines.push(`FAILED ${name}: ${error.message}`);
    } finally {
      await stage.end();
    }
  }
  return lines;
}

function late(what) {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} took too long`)), PATIENCE_MS));
}

let names = 0;

class Stage {
  constructor(Client, url) {
    this.Client = Client;
    this.url = url;
    this.clients = [];
    this.name = `${Date.now()}-${++names}`;
  }

  /** A client that has connected; `errors` gathers its ERROR frames. */
  connect(settings = {}) {
    return new Promise((resolve, reject) => {
      const client = new this.Client({
        brokerURL: this.url,
        reconnectDelay: 0,
        heartbeatIncoming: 0,
        heartbeatOutgoing: 0,
        ...settings,
      });
      client.errors = [];
      client.onConnect = frame => { client.greeting = frame; resolve(client); };
      client.onStompError = frame => { client.errors.push(frame); client.whenRefused?.(frame); reject(new Error(frame.body)); };
      client.onWebSocketError = () => reject(new Error('no WebSocket'));
      this.clients.push(client);
      client.activate();
    });
  }

  async end() {
    await Promise.all(this.clients.map(client => client.deactivate({ force: true })));
  }
}

/** Subscribes; the result has `next()`, which waits for a message. */
async function listen(client, destination, headers = {}) {
  const waiting = [];
  const messages = [];
  const arrived = message => { waiting.length ? waiting.shift()(message) : messages.push(message); };
  const subscription = client.subscribe(destination, arrived, { ...headers, receipt: receipt(client).id });
  await receipted(client);
  return {
    subscription,
    messages,
    next: () => messages.length ? messages.shift() : new Promise(resolve => waiting.push(resolve)),
    nothing: async (ms = 150) => { await sleep(ms); equal(messages.length, 0, 'messages'); },
  };
}

function receipt(client) {
  const id = `r-${++names}`;
  client.lastReceipt = new Promise(resolve => client.watchForReceipt(id, resolve));
  return { id };
}

const receipted = client => client.lastReceipt;

async function send(client, destination, body, headers = {}) {
  client.publish({ destination, body, headers: { ...headers, receipt: receipt(client).id } });
  await receipted(client);
}

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

function equal(actual, expected, what = 'it') {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${what} is ${left} and should be ${right}`);
}

const features = {
  async greets(stage) {
    const client = await stage.connect();
    equal(client.connectedVersion, '1.2');
    equal(client.greeting.headers.server.startsWith('tidewire/'), true);
  },

  async topic_with_wildcards(stage) {
    const client = await stage.connect();
    const heard = await listen(client, `/topic/${stage.name}/+/x`);
    await send(client, `/topic/${stage.name}/a/x`, 'hello', { colour: 'red' });
    const message = await heard.next();
    equal([message.body, message.headers.colour, message.headers.destination],
      ['hello', 'red', `/topic/${stage.name}/a/x`]);
    heard.subscription.unsubscribe();
    await send(client, `/topic/${stage.name}/a/x`, 'unheard');
    await heard.nothing();
  },

  async binary_bodies(stage) {
    const client = await stage.connect();
    const heard = await listen(client, `/topic/${stage.name}`);
    client.publish({ destination: `/topic/${stage.name}`, binaryBody: new Uint8Array([0, 255, 10, 0, 128]) });
    equal([...(await heard.next()).binaryBody], [0, 255, 10, 0, 128]);
  },

  // Not a backslash before c, n or r: the library undoes escapes one after the other, and takes that for one.
  async escaped_headers(stage) {
    const client = await stage.connect();
    const heard = await listen(client, `/topic/${stage.name}`);
    await send(client, `/topic/${stage.name}`, 'x', { odd: 'a\nb\\x:d\re' });
    equal((await heard.next()).headers.odd, 'a\nb\\x:d\re');
  },

  async large_body(stage) {
    const client = await stage.connect();
    const heard = await listen(client, `/topic/${stage.name}`);
    const body = 'ü'.repeat(400_000);
    await send(client, `/topic/${stage.name}`, body);
    equal((await heard.next()).body === body, true);
  },

  async split_large_frames(stage) {
    const client = await stage.connect({ splitLargeFrames: true, maxWebSocketChunkSize: 1024 });
    const heard = await listen(client, `/topic/${stage.name}`);
    await send(client, `/topic/${stage.name}`, 'y'.repeat(10_000));
    equal((await heard.next()).body.length, 10_000);
  },

  async queue_keeps_until_consumed(stage) {
    const client = await stage.connect();
    for (const body of ['1', '2', '3']) await send(client, `/queue/${stage.name}`, body);
    const heard = await listen(client, `/queue/${stage.name}`);
    for (const body of ['1', '2', '3']) equal((await heard.next()).body, body);
  },

  async queue_shares_out(stage) {
    const [sender, one, two] = [await stage.connect(), await stage.connect(), await stage.connect()];
    const [first, second] = [await listen(one, `/queue/${stage.name}`), await listen(two, `/queue/${stage.name}`)];
    for (const body of ['1', '2', '3', '4']) await send(sender, `/queue/${stage.name}`, body);
    equal([(await first.next()).body, (await first.next()).body], ['1', '3']);
    equal([(await second.next()).body, (await second.next()).body], ['2', '4']);
  },

  async ack_each(stage) {
    const client = await stage.connect();
    const heard = await listen(client, `/queue/${stage.name}`, { ack: 'client-individual', 'prefetch-count': '2' });
    for (const body of ['1', '2', '3']) await send(client, `/queue/${stage.name}`, body);
    const [one] = [await heard.next(), await heard.next()];
    await heard.nothing();
    one.ack();
    equal((await heard.next()).body, '3');
  },

  async ack_all_before(stage) {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const heard = await listen(one, `/queue/${stage.name}`, { ack: 'client' });
    for (const body of ['1', '2', '3']) await send(two, `/queue/${stage.name}`, body);
    const second = [await heard.next(), await heard.next()][1];
    second.ack({ receipt: receipt(one).id });
    await receipted(one);
    await one.deactivate({ force: true });
    equal((await (await listen(two, `/queue/${stage.name}`)).next()).body, '3');
  },

  async nack_redelivers(stage) {
    const client = await stage.connect();
    const heard = await listen(client, `/queue/${stage.name}`, { ack: 'client-individual' });
    await send(client, `/queue/${stage.name}`, 'again');
    (await heard.next()).nack();
    const again = await heard.next();
    equal([again.body, again.headers.redelivered, again.headers['delivery-count']], ['again', 'true', '2']);
  },

  async nack_to_the_dead_letters(stage) {
    const client = await stage.connect();
    const heard = await listen(client, `/queue/${stage.name}`, { ack: 'client-individual' });
    await send(client, `/queue/${stage.name}`, 'poison');
    for (let delivery = 0; delivery < 10; delivery++) (await heard.next()).nack();
    const dead = await (await listen(client, `/queue/dead.${stage.name}`)).next();
    equal([dead.body, dead.headers['dead-letter-reason']], ['poison', 'deliveries']);
  },

  async a_lost_consumer_gives_back(stage) {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const heard = await listen(one, `/queue/${stage.name}`, { ack: 'client-individual' });
    await send(two, `/queue/${stage.name}`, 'x');
    await heard.next();
    await one.deactivate({ force: true });
    equal((await (await listen(two, `/queue/${stage.name}`)).next()).headers.redelivered, 'true');
  },

  async transaction_commits(stage) {
    const client = await stage.connect();
    const heard = await listen(client, `/topic/${stage.name}`);
    const transaction = client.begin();
    client.publish({ destination: `/topic/${stage.name}`, body: 'x', headers: { transaction: transaction.id } });
    await heard.nothing();
    transaction.commit();
    equal((await heard.next()).body, 'x');
  },

  async transaction_aborts(stage) {
    const client = await stage.connect();
    const heard = await listen(client, `/queue/${stage.name}`, { ack: 'client-individual' });
    await send(client, `/queue/${stage.name}`, '1');
    const message = await heard.next();
    const transaction = client.begin();
    message.ack({ transaction: transaction.id });
    client.publish({ destination: `/queue/${stage.name}`, body: '2', headers: { transaction: transaction.id } });
    transaction.abort();
    await heard.nothing();
    message.ack({ receipt: receipt(client).id });
    await receipted(client);
  },

  async request_and_reply(stage) {
    const [asker, answerer] = [await stage.connect(), await stage.connect()];
    const questions = await listen(answerer, `/queue/${stage.name}`);
    const answers = await listen(asker, '/temp-queue/answers');
    await send(asker, `/queue/${stage.name}`, '6*7', { 'reply-to': '/temp-queue/answers', 'correlation-id': '1' });
    const question = await questions.next();
    await send(answerer, question.headers['reply-to'], '42', { 'correlation-id': question.headers['correlation-id'] });
    const answer = await answers.next();
    equal([answer.body, answer.headers['correlation-id']], ['42', '1']);
  },

  async replies_without_subscribing(stage) {
    const [asker, answerer] = [await stage.connect(), await stage.connect()];
    const questions = await listen(answerer, `/queue/${stage.name}`);
    const answered = new Promise(resolve => { asker.onUnhandledMessage = resolve; });
    await send(asker, `/queue/${stage.name}`, '?', { 'reply-to': '/temp-queue/any' });
    await send(answerer, (await questions.next()).headers['reply-to'], '!');
    const answer = await answered;
    equal([answer.body, answer.headers.subscription], ['!', '/temp-queue/any']);
  },

  async durable_subscription(stage) {
    const connectHeaders = { 'client-id': stage.name };
    const sender = await stage.connect();
    const first = await stage.connect({ connectHeaders });
    await listen(first, `/topic/${stage.name}`, { id: 'news', durable: 'true' });
    await first.deactivate();
    await send(sender, `/topic/${stage.name}`, 'missed');
    const second = await stage.connect({ connectHeaders });
    const heard = await listen(second, `/topic/${stage.name}`, { id: 'news', durable: 'true' });
    equal((await heard.next()).body, 'missed');
    heard.subscription.unsubscribe({ durable: 'true', receipt: receipt(second).id });
    await receipted(second);
  },

  async selector(stage) {
    const client = await stage.connect();
    const heard = await listen(client, `/topic/${stage.name}`, { selector: "weight > 10 AND colour IN ('red', 'green')" });
    await send(client, `/topic/${stage.name}`, 'no', { weight: '5', colour: 'red' });
    await send(client, `/topic/${stage.name}`, 'yes', { weight: '11', colour: 'green' });
    equal((await heard.next()).body, 'yes');
  },

  async retained_values(stage) {
    const client = await stage.connect();
    await send(client, `/topic/${stage.name}/a`, 'kept', { retain: 'true' });
    const message = await (await listen(client, `/topic/${stage.name}/#`)).next();
    equal([message.body, message.headers.retain], ['kept', 'true']);
    await send(client, `/topic/${stage.name}/a`, '', { retain: 'true' });
  },

  async heart_beats_both_ways(stage) {
    const client = await stage.connect({ heartbeatIncoming: 300, heartbeatOutgoing: 10_000 });
    let lost = false;
    client.onWebSocketClose = () => { lost = true; };
    await sleep(1_500);
    equal([lost, client.connected], [false, true]);
  },

  async an_error_says_why(stage) {
    const client = await stage.connect();
    const refused = new Promise(resolve => { client.whenRefused = resolve; });
    client.subscribe('/nowhere/x', () => {});
    const error = await refused;
    equal([error.headers.message, error.body.includes('/topic/')], ['unknown destination', true]);
  },

  async reconnects_by_itself(stage) {
    const client = await stage.connect({ reconnectDelay: 100 });
    const again = new Promise(resolve => { client.onConnect = resolve; });
    client.forceDisconnect();
    await again;
    const heard = await listen(client, `/topic/${stage.name}`);
    await send(client, `/topic/${stage.name}`, 'back');
    equal((await heard.next()).body, 'back');
  },

  async disconnects_with_a_receipt(stage) {
    const client = await stage.connect();
    const gone = new Promise(resolve => { client.onDisconnect = resolve; });
    client.publish({ destination: `/queue/${stage.name}`, body: 'last words' });
    await client.deactivate();
    await gone;
    equal((await (await listen(await stage.connect(), `/queue/${stage.name}`)).next()).body, 'last words');
  },
};
