// The WebSocket of the Node drivers, as `web` of their `connect` command wants it:
//
//   compression    whether permessage-deflate is offered (absent: it is)
//   ca             the authority that issued the server's certificate, as PEM
//   cert, key      the client's own certificate, likewise
//   local_address  where to connect from
//   headers        further lines of the upgrade

import { WebSocket } from 'ws';

export function openWebSocket(url, protocols, { compression = true, ca, cert, key, local_address, headers } = {}) {
  return new WebSocket(url, protocols, {
    perMessageDeflate: compression, ca, cert, key, localAddress: local_address, headers,
  });
}

/** What has been agreed on, and the bytes that have come and gone. */
export function traffic(socket) {
  return { extensions: socket.extensions, read: socket._socket.bytesRead, written: socket._socket.bytesWritten };
}
