// Counters and gauges as the broker gives them to Prometheus. (Prometheus text format, version 0.0.4)

import { currentToken } from './token.js';

/** What the page shows, and what it is the sum of: a metric, and labels that have to be as here. */
const WANTED = {
  messages_in: ['tidewire_messages_received_total'],
  messages_out: ['tidewire_messages_sent_total'],
  bytes_in: ['tidewire_bytes_received_total'],
  bytes_out: ['tidewire_bytes_sent_total'],
  refused: ['tidewire_refused_total'],
  dropped: ['tidewire_dropped_total'],
  queue_depth: ['tidewire_queue_messages'],
  memory: ['process_resident_memory_bytes'],
};

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;

/** The present values. */
export async function readMetrics() {
  const token = currentToken();
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch('/metrics', { headers, cache: 'no-store' });
  return response.ok ? sums(await response.text()) : {};
}

function sums(text) {
  const found = Object.fromEntries(Object.keys(WANTED).map(name => [name, 0]));
  for (const line of text.split('\n')) {
    const [, metric, , value] = LINE.exec(line) ?? [];
    for (const [name, [wanted]] of Object.entries(WANTED)) {
      if (metric === wanted) found[name] += Number(value);
    }
  }
  return found;
}
