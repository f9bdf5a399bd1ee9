// All work queues, and how full they were while the page was open.

import { html } from './preact.js';
import { get, part } from './api.js';
import { bytes, count, duration, number } from './format.js';
import { Badge, Empty, Failure } from './parts.js';
import { usePolled } from './polled.js';
import { Table } from './table.js';

/** Of each queue, so many points for its curve. */
const SAMPLES_MAX = 300;

const depths = new Map();

/** Keeps how full queues are now, for their curves. */
export function remember(queues) {
  const at = Date.now() / 1000;
  for (const { name, depth, inflight } of queues) {
    depths.set(name, [...(depths.get(name) ?? []).slice(1 - SAMPLES_MAX), { at, depth, inflight }]);
  }
}

/** What was kept of one. */
export const remembered = name => depths.get(name) ?? [];

export function Queues() {
  const { value, error, reload } = usePolled(async signal => {
    const page = await get('/queues', { limit: 1000 }, { signal });
    remember(page.items);
    return page;
  }, 2_000, []);
  return html`
    <div class="heading"><h1>Queues</h1><span class="muted">${value && count(value.total, 'queue')}</span></div>
    <${Failure} error=${error} retry=${reload} />
    ${value?.next && html`<p class="muted small">Of ${number(value.total)} queues the first ${number(value.items.length)} are
      listed.</p>`}
    ${value && html`<div class="card">${value.items.length === 0
      ? html`<${Empty} title="No queues">A queue begins with its first message or consumer: send to
          ${' '}<code>/queue/NAME</code> by STOMP, or publish to <code>$queue/NAME</code> by MQTT.<//>`
      : html`<${Table} label="Queues" columns=${COLUMNS} items=${value.items} keyOf=${queue => queue.name}
          first=${{ name: 'Waiting', isDown: true }} />`}</div>`}`;
}

const COLUMNS = [
  {
    name: 'Queue', by: queue => queue.name,
    show: queue => html`<a href=${`#/queues/${part(queue.name)}`}>${queue.name}</a>`,
  },
  { name: 'Waiting', kind: 'number', by: queue => queue.depth, show: queue => number(queue.depth) },
  { name: 'Size', kind: 'number', by: queue => queue.bytes, show: queue => bytes(queue.bytes) },
  { name: 'In flight', kind: 'number', by: queue => queue.inflight, show: queue => number(queue.inflight) },
  {
    name: 'Consumers', kind: 'number', by: queue => queue.consumers,
    show: queue => (queue.consumers === 0 && queue.depth > 0 ? html`<${Badge} kind="warning">none<//>`
      : number(queue.consumers)),
  },
  {
    name: 'Oldest', kind: 'number', by: queue => queue.oldest_age_secs,
    show: queue => (queue.oldest_age_secs === null ? '–' : duration(queue.oldest_age_secs)),
  },
  { name: 'Delivered', kind: 'number', by: queue => queue.delivered, show: queue => number(queue.delivered) },
];
