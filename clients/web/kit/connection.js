// Where the broker is, how long to wait before the next try, and how the connection stands: what `mqtt.js` and `stomp.js` in
// this folder share, and what `status.js` shows.

/**
 * Where the broker is: whoever serves this page, or what the page's address names: `?broker=wss://broker.example/mqtt`. A page
 * that came by https may open `wss` only.
 */
export function brokerUrl() {
  const given = new URLSearchParams(location.search).get('broker');
  return given ?? `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/`;
}

/**
 * What to log in with. It is asked for before each connection, so that a token that has run out is not used again: an
 * application would `fetch` one here. The examples take it from the page's fragment, `#user=ann&token=…`, which a browser sends
 * to nobody.
 */
export async function fromFragment() {
  const given = new URLSearchParams(location.hash.slice(1));
  return { user: given.get('user') ?? undefined, token: given.get('token') ?? undefined };
}

/** The first wait is up to this, in milliseconds; each further one up to twice the one before, and no longer than the last. */
const FIRST_MAX = 1_000;
const LAST_MAX = 30_000;
/** The shortest wait, in milliseconds. */
const MIN = 200;

/**
 * Milliseconds to wait after so many failures in a row: drawn anew each time from the whole of a range that doubles. When a
 * broker restarts, its clients so come back one by one, and not all at once. ("Full jitter".)
 */
export function delayAfter(failures) {
  const max = Math.min(LAST_MAX, FIRST_MAX * 2 ** failures);
  return Math.round(MIN + Math.random() * (max - MIN));
}

/**
 * How a connection stands. `state` is
 *
 *   'connecting'  a try is under way
 *   'open'        the broker has let us in
 *   'waiting'     the next try is at `until`, in milliseconds since the epoch
 *   'closed'      there will be no try until somebody asks for one
 *
 * and `reason` says why it does not stand, when that is known. `protocol`, `url` and `session` are words for the reader.
 */
export class Connection {
  state = 'connecting';
  reason = null;
  until = 0;
  #watchers = new Set();

  constructor({ protocol, session, retry }) {
    this.protocol = protocol;
    this.url = brokerUrl();
    this.session = session;
    /** Tries at once. */
    this.retry = () => {
      if (this.state === 'waiting' || this.state === 'closed') retry();
    };
    // A laptop that has woken up need not wait.
    addEventListener('online', () => {
      if (this.state === 'waiting') retry();
    });
  }

  get isOpen() {
    return this.state === 'open';
  }

  /** Calls `look(connection)` now and at each change, until what this returns is called. */
  watch(look) {
    this.#watchers.add(look);
    look(this);
    return () => this.#watchers.delete(look);
  }

  /** Enters a state. The reason stays until the connection stands, unless there is a new one. */
  enter(state, { until = 0, reason = state === 'open' ? null : this.reason } = {}) {
    Object.assign(this, { state, until, reason });
    for (const look of this.#watchers) look(this);
  }
}
