// What lies in a queue, without taking it: a subscription with `browser:true` shows what waits, and ends with an empty MESSAGE
// that has `browser:end`. What comes later is for the next look.

import { jobOf } from './jobs.js';

/** More than these are not asked for. */
export const SHOWN_MAX = 100;

export class Shelf {
  /** `{ job, headers }` of each message; `job` is null if it is none of ours. */
  entries = [];
  /** Whether there is more than is shown. */
  isMore = false;

  constructor(destination) {
    this.destination = destination;
  }

  /** Looks once, by a stompjs client that is connected; `seen` is called with all there is in `entries`. */
  look(client, seen) {
    if (this.isLooking) return;
    this.isLooking = true;
    const entries = [];
    const end = isMore => {
      subscription.unsubscribe();
      this.isLooking = false;
      Object.assign(this, { entries, isMore });
      seen();
    };
    const subscription = client.subscribe(this.destination, message => {
      if (!this.isLooking) return;
      if (message.headers.browser === 'end') end(false);
      else if (entries.length >= SHOWN_MAX) end(true);
      else entries.push({ job: jobOf(message), headers: message.headers });
    }, { browser: 'true' });
  }

  /** A look that was under way when the connection was lost has no end. */
  interrupt() {
    this.isLooking = false;
  }
}
