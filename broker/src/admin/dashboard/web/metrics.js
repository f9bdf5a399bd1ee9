// Counters and gauges as the broker gives them to Prometheus. (Prometheus text format, version 0.0.4)

import { getText } from './api.js';

/** What the page shows, and of which metric it is the sum, whatever the labels. */
const SUMS = {
  messages_in: 'tidewire_messages_received_total',
  messages_out: 'tidewire_messages_sent_total',
  bytes_in: 'tidewire_received_bytes_total',
  bytes_out: 'tidewire_sent_bytes_total',
  refused: 'tidewire_refusals_total',
  dropped: 'tidewire_messages_dropped_total',
  dead_letters: 'tidewire_dead_letters_total',
  panics: 'tidewire_panics_total',
  queue_depth: 'tidewire_queue_messages',
  store_failing: 'tidewire_store_failing',
  publishers_held: 'tidewire_publishers_held',
  memory: 'process_resident_memory_bytes',
};

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)/;

/** The present values; what the broker does not say is null. */
export async function readMetrics() {
  const found = Object.fromEntries(Object.keys(SUMS).map(name => [name, null]));
  for (const line of (await getText('/metrics')).split('\n')) {
    const [, metric, value] = LINE.exec(line) ?? [];
    for (const [name, wanted] of Object.entries(SUMS)) {
      if (metric === wanted) found[name] = (found[name] ?? 0) + Number(value);
    }
  }
  return found;
}
