// A client of stompjs, as a page should have it.

// As published for browsers: it defines `StompJs`.
import '../vendor/stompjs/stomp.umd.min.js';
import { brokerUrl, Connection, delayAfter, fromFragment } from './connection.js';

/**
 * Opens a connection by STOMP 1.2. `onConnect(client)` is called at each connection, and subscribes: what a client has
 * subscribed to ends with its connection. `credentials()` gives `{ user, token }`, and is called before each connection. Other
 * options are those of stompjs.
 *
 * @returns `{ client, connection }`: stompjs's client, and how its connection stands.
 */
export function connectStomp({ onConnect, credentials = fromFragment, ...options }) {
  let failures = 0;
  let wake = () => {};
  const connection = new Connection({
    protocol: 'STOMP 1.2',
    session: 'ends with the connection',
    retry: () => (connection.state === 'closed' ? client.activate() : wake()),
  });
  const client = new globalThis.StompJs.Client({
    brokerURL: brokerUrl(),
    connectionTimeout: 10_000,
    // The broker's beats are looked for all the time. Ours are slower: a hidden page's timers run once a minute, and the broker
    // waits for twice the interval.
    heartbeatIncoming: 10_000,
    heartbeatOutgoing: 45_000,
    // stompjs can wait twice as long each time, yet not by chance. So it tries at once, and the waiting is done here, where it
    // asks for what to connect with.
    reconnectDelay: 1,
    beforeConnect: async () => {
      if (connection.state === 'waiting') {
        await new Promise(resolve => {
          const timer = setTimeout(resolve, connection.until - Date.now());
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      const { user, token } = await credentials();
      client.connectHeaders = { ...(user && { login: user }), ...(token && { login: user ?? 'token', passcode: token }) };
      connection.enter('connecting');
    },
    onConnect: () => {
      failures = 0;
      connection.enter('open');
      onConnect(client);
    },
    // The connection ends after an ERROR.
    onStompError: ({ headers, body }) => connection.enter(connection.state, { reason: headers.message ?? body }),
    onWebSocketClose: () => {
      if (!client.active) {
        connection.enter('closed');
        return;
      }
      connection.enter('waiting', { until: Date.now() + delayAfter(failures) });
      failures += 1;
    },
    ...options,
  });
  client.activate();
  return { client, connection };
}
