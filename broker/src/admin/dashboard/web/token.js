// The admin token, where the broker wants one. It stays in this tab, until that is closed.

const KEY = 'tidewire-token';

let token = sessionStorage.getItem(KEY);
let waiting = null;
let show = () => {};

/** Has `listener(isWanted, wasRefused)` called whenever somebody has to be asked for the token, and once it was given. */
export function onTokenWanted(listener) {
  show = listener;
  if (waiting) show(true, waiting.wasRefused);
}

/** Keeps what somebody has given, and goes on with what has waited for it. */
export function giveToken(text) {
  token = text;
  sessionStorage.setItem(KEY, text);
  show(false, false);
  waiting?.go();
  waiting = null;
}

/** The token, or null. */
export const currentToken = () => token;

/** Waits until there is another token than `refused`. */
export function anotherToken(refused) {
  if (token !== refused) return Promise.resolve();
  if (!waiting) {
    waiting = { wasRefused: refused !== null };
    waiting.given = new Promise(go => { waiting.go = go; });
    show(true, waiting.wasRefused);
  }
  return waiting.given;
}

/**
 * The subprotocols of a WebSocket to the broker. A browser can put a token nowhere else; what may not stand in such a name
 * is escaped. (RFC 9110, section 5.6.2)
 */
export function subprotocols(wanted) {
  if (token === null) return wanted;
  const escaped = encodeURIComponent(token).replace(/[()]/g, sign => `%${sign.charCodeAt(0).toString(16)}`);
  return [...wanted, `bearer.${escaped}`];
}

/** Where the broker's own WebSocket is. */
export const webSocketUrl = () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
