// Opens many WebSockets to one origin, after a request to it: {url, count} -> {answered}, then {connected}.

import { connect } from '/lib.mjs';

export async function play({ url, count }, say) {
  // A browser opens a WebSocket over HTTP/2 only where it has such a connection already. (RFC 8441)
  const origin = url.replace(/^wss/, 'https');
  await fetch(origin, { mode: 'no-cors', credentials: 'include' });
  await say({ answered: true });
  const names = Array.from({ length: count }, (_, number) => `socket-${number}`);
  const clients = await Promise.all(names.map(name => connect(url, name)));
  await say({ connected: clients.filter(({ client }) => client.connected).length });
}
