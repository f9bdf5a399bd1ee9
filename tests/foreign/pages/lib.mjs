// What the pages share: MQTT.js on a WebSocket of which more is known than the library tells.

/** Connects; `socket` of what it returns is the browser's own. */
export async function connect(url, clientId) {
  let socket;
  const client = mqtt.connect(url, {
    protocolVersion: 5,
    clientId,
    reconnectPeriod: 0,
    createWebsocket(address, protocols) {
      socket = new WebSocket(address, protocols);
      return socket;
    },
  });
  await new Promise((resolve, reject) => {
    client.once('connect', resolve);
    client.once('error', reject);
    client.once('close', () => reject(new Error(`${clientId} is not connected to ${url}`)));
  });
  return { client, socket };
}

export function assertEqual(got, expected, what) {
  if (got !== expected) throw new Error(`${what}: ${got} instead of ${expected}`);
}
