// What has been measured: for each metric the values of each source, for a quarter of an hour. Whatever comes from the broker
// may be anything, and anybody may send it; so it is checked, and bounded.

import { parse } from '../kit/mqtt.js';

/** How far back values are kept, in seconds. */
const KEPT_SECS = 15 * 60;
/** A line is broken where a source was silent for so long, in seconds. */
const SILENCE_SECS = 5;
const SOURCES_MAX = 8;
const METRICS_MAX = 12;
const NAME_MAX = 40;

export class Series {
  /** By its name: `{ name, colour, heard }`; `heard` is when it was, in seconds. */
  sources = new Map();
  /** By its name, "memory (%)": by the name of a source its `[times, values]`. */
  metrics = new Map();

  /**
   * Takes what a source has sent: an object of numbers, as JSON. The time is that of its arrival, which asks nothing of the
   * source's clock; but what was retained, `isRetained`, is from the time that it gives itself, in `at`.
   */
  add(name, payload, isRetained, now) {
    const measured = read(payload);
    const source = measured && this.source(name);
    if (!source) return;
    const { at, ...values } = measured;
    const time = isRetained && at <= now ? at : now;
    source.heard = time;
    for (const [metric, value] of Object.entries(values)) this.lines(metric)?.add(name, time, value);
  }

  /** Forgets a source that says it is gone. */
  remove(name) {
    this.sources.delete(name);
    for (const [metric, lines] of this.metrics) {
      lines.remove(name);
      if (lines.isEmpty) this.metrics.delete(metric);
    }
  }

  /** Lets go of what is too old to be shown. */
  prune(now) {
    for (const lines of this.metrics.values()) lines.prune(now - KEPT_SECS);
  }

  source(name) {
    const known = this.sources.get(name);
    if (known || this.sources.size >= SOURCES_MAX || name.length > NAME_MAX) return known;
    const taken = new Set([...this.sources.values()].map(({ colour }) => colour));
    const colour = Array.from({ length: SOURCES_MAX }, (_, index) => index + 1).find(free => !taken.has(free));
    const source = { name, colour, heard: 0 };
    this.sources.set(name, source);
    return source;
  }

  lines(metric) {
    if (!this.metrics.has(metric) && this.metrics.size < METRICS_MAX) this.metrics.set(metric, new Lines());
    return this.metrics.get(metric);
  }
}

/** The values of one metric. */
class Lines {
  bySource = new Map();

  get isEmpty() {
    return this.bySource.size === 0;
  }

  add(source, time, value) {
    if (!this.bySource.has(source)) this.bySource.set(source, [[], []]);
    const [times, values] = this.bySource.get(source);
    const last = times.at(-1);
    // A clock that was set back would draw the line backwards.
    if (last !== undefined && time <= last) return;
    if (time - last > SILENCE_SECS) {
      times.push(last + SILENCE_SECS / 2);
      values.push(null);
    }
    times.push(time);
    values.push(value);
  }

  remove(source) {
    this.bySource.delete(source);
  }

  /** The newest value of a source, if it has one. */
  last(source) {
    return this.bySource.get(source)?.[1].at(-1);
  }

  /** The last value of each source stays, however old: it is what is known. */
  prune(oldest) {
    for (const [times, values] of this.bySource.values()) {
      const kept = times.findIndex(time => time >= oldest);
      const excess = kept < 0 ? times.length - 1 : kept;
      times.splice(0, excess);
      values.splice(0, excess);
    }
  }
}

/** The numbers of a message, or null if it is not one of ours. */
function read(payload) {
  const measured = parse(payload);
  if (!measured || Array.isArray(measured)) return null;
  const numbers = Object.entries(measured)
    .filter(([name, value]) => name.length <= NAME_MAX && Number.isFinite(value))
    .slice(0, METRICS_MAX + 1);
  return numbers.length ? Object.fromEntries(numbers) : null;
}
