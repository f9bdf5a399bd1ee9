// What the broker has counted during the last minutes. Asked for as long as the page is open, whichever view is shown.

import { useEffect, useState } from './preact.js';
import { get } from './api.js';
import { readMetrics } from './metrics.js';

const INTERVAL_MS = 2_000;
/** Ten minutes. */
const SAMPLES_MAX = 300;

const listeners = new Set();
let state = { samples: [], overview: null, error: null };

/** The samples, oldest first; the last overview; and why there is no newer one, if there is none. */
export function useHistory() {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = () => draw(drawn => drawn + 1);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return state;
}

/** Begins to ask. */
export async function startHistory() {
  for (;;) {
    try {
      const [overview, counted] = await Promise.all([get('/overview'), readMetrics()]);
      const sample = { at: Date.now() / 1000, ...overview, ...counted };
      state = { samples: follow(state.samples, sample), overview, error: null };
    } catch (error) {
      state = { ...state, error };
    }
    for (const listener of listeners) listener();
    await new Promise(go => setTimeout(go, INTERVAL_MS));
  }
}

/** A broker that has started anew counts from nothing, and so does the page. */
function follow(samples, sample) {
  const last = samples.at(-1);
  if (!last) return [withRates(sample, sample)];
  if (last.started_at !== sample.started_at) return [withRates(sample, sample)];
  return [...samples.slice(1 - SAMPLES_MAX), withRates(sample, last)];
}

/** What is counted up becomes what there was a second. */
function withRates(sample, last) {
  const secs = sample.at - last.at;
  const rates = {};
  for (const name of ['messages_in', 'messages_out', 'bytes_in', 'bytes_out', 'refused', 'dropped']) {
    rates[`${name}_rate`] = secs > 0 && sample[name] !== null ? Math.max(0, (sample[name] - last[name]) / secs) : null;
  }
  return { ...sample, ...rates };
}

/** How much more of something was counted during the last so many seconds. */
export function grown(samples, name, secs) {
  const last = samples.at(-1);
  if (!last) return 0;
  const first = samples.find(sample => sample.at >= last.at - secs);
  return last[name] - first[name];
}
