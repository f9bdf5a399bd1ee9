// Proves itself by tokens, in the places where a page can put one, with both libraries:
// {attempts: [{url, by, token, user, domain}]} -> for each attempt and library {client, by, heard, others}, or
// {client, by, refused}.
//
// Who is let in publishes to itself, at users/<user>/box, and says what it hears there; then to somebody else, and says
// what comes of that. A cookie is for the page's host, or for all hosts of its domain.

const OTHERS = 'users/somebody else/box';

/** Where a token may stand: the address, subprotocols besides the library's own, the password. */
const places = {
  cookie: (url, token, domain) => {
    document.cookie = `access_token=${token}; path=/${domain ? `; domain=${domain}` : ''}`;
    return { url };
  },
  query: (url, token) => ({ url: `${url}?access_token=${token}` }),
  subprotocol: (url, token) => ({ url, subprotocols: [`bearer.${token}`] }),
  password: (url, token) => ({ url, password: token }),
};

export async function play({ attempts }, say) {
  const [{ url: first }] = attempts;
  if (first.startsWith('wss:')) {
    // A browser opens a WebSocket over HTTP/2 only where it has such a connection already. (RFC 8441)
    await fetch(first.replace(/^wss/, 'https'), { mode: 'no-cors', credentials: 'include' });
  }
  for (const { by, url, token, user, domain } of attempts) {
    const place = places[by](url, token, domain);
    await say({ client: 'MQTT.js', by, ...await enterByMqtt(place, user) });
    await say({ client: 'stompjs', by, ...await enterByStomp(place, user) });
    document.cookie = `access_token=; path=/; max-age=0${domain ? `; domain=${domain}` : ''}`;
  }
}

async function enterByMqtt({ url, subprotocols = [], password }, user) {
  const client = mqtt.connect(url, {
    protocolVersion: 5,
    reconnectPeriod: 0,
    username: password && 'whoever the token names',
    password,
    createWebsocket: (address, own) => new WebSocket(address, [...own, ...subprotocols]),
  });
  const told = await new Promise(resolve => {
    client.once('connect', () => resolve());
    client.once('error', error => resolve({ refused: error.code ?? String(error) }));
    client.once('close', () => resolve({ refused: 'closed' }));
  });
  if (told) return told;
  await client.subscribeAsync(`users/${user}/box`, { qos: 1 });
  const heard = new Promise(resolve => { client.once('message', (_topic, payload) => resolve(payload.toString())); });
  await client.publishAsync(`users/${user}/box`, 'to myself', { qos: 1 });
  const others = await client.publishAsync(OTHERS, 'to another', { qos: 1 }).catch(error => error.code);
  const came = { heard: await heard, others };
  await client.endAsync();
  return came;
}

async function enterByStomp({ url, subprotocols = [], password }, user) {
  const client = new StompJs.Client({
    webSocketFactory: () => new WebSocket(url, ['v12.stomp', ...subprotocols]),
    connectHeaders: password ? { login: 'whoever the token names', passcode: password } : {},
    reconnectDelay: 0,
  });
  let refuse;
  const refused = new Promise(resolve => { refuse = resolve; });
  const connected = new Promise(resolve => { client.onConnect = () => resolve(); });
  client.onStompError = frame => refuse({ refused: frame.headers.message });
  client.onWebSocketClose = () => refuse({ refused: 'closed' });
  client.activate();
  const told = await Promise.race([connected, refused]);
  if (told) return told;
  const heard = new Promise(resolve => {
    client.subscribe(`/topic/users/${user}/box`, message => resolve(message.body));
  });
  client.publish({ destination: `/topic/users/${user}/box`, body: 'to myself' });
  const came = { heard: await heard };
  client.publish({ destination: `/topic/${OTHERS}`, body: 'to another' });
  came.others = (await refused).refused;
  await client.deactivate();
  return came;
}
