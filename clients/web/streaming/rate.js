// How many frames a second.

import { now } from './clock.js';

/** They are counted over so long, in milliseconds. */
const WINDOW = 2000;

export class Rate {
  times = [];

  count() {
    this.times.push(now());
  }

  get perSecond() {
    const since = now() - WINDOW;
    this.times = this.times.filter(time => time > since);
    return this.times.length * 1000 / WINDOW;
  }
}
