// One work queue: how full it is, what waits in it, and what can be done about that.

import { html, useState } from './preact.js';
import { get, part, post, remove } from './api.js';
import { Chart } from './chart.js';
import { bytes, count, dateTime, duration, fromBase64, number, short, until } from './format.js';
import { Badge, Card, Confirm, Empty, Facts, Failure, Field, Note } from './parts.js';
import { excerpt, Payload } from './payload.js';
import { usePolled } from './polled.js';
import { remember, remembered } from './queues.js';

/** Messages that are shown of those that wait. */
const PEEKED = 20;

export function Queue({ name }) {
  const path = `/queues/${part(name)}`;
  const { value: queue, error, reload } = usePolled(async signal => {
    const found = await get(path, {}, { signal });
    remember([found]);
    return found;
  }, 2_000, [path]);
  const isGone = error?.status === 404;
  const [asked, setAsked] = useState(null);
  const [done, setDone] = useState(null);
  const close = () => {
    setAsked(null);
    reload();
  };
  return html`
    <nav class="small" aria-label="Up"><a href="#/queues">Queues</a></nav>
    <div class="heading"><h1>${name}</h1>
      ${!isGone && queue?.consumers === 0 && queue.depth > 0 && html`<${Badge} kind="warning">nobody takes from it<//>`}
      <div class="actions">
        <button disabled=${isGone || !queue} onClick=${() => setAsked('requeue')}>Requeue</button>
        <button class="danger" disabled=${isGone || !queue} onClick=${() => setAsked('purge')}>Purge</button>
      </div></div>
    ${isGone ? html`<div class="card"><${Empty} title="Nothing is in this queue">
        Nobody takes from it either, and such a queue is not kept: it begins with its next message or consumer.
        <div><button onClick=${reload}>Look again</button></div><//></div>`
      : html`<${Failure} error=${error} retry=${reload} />`}
    <div role="status">${done && html`<${Note} kind="good">${done}<//>`}</div>
    ${queue && !isGone && html`
      <div class="columns">
        <${Chart} title="Messages" samples=${remembered(name)} format=${short} series=${[
          { name: 'waiting', of: sample => sample.depth }, { name: 'in flight', of: sample => sample.inflight }]} />
        <${Card} title="Now"><div class="body"><${Facts} of=${[
          ['Waiting', `${count(queue.depth, 'message')}, ${bytes(queue.bytes)}`],
          ['Oldest', queue.oldest_age_secs === null ? 'nothing waits' : duration(queue.oldest_age_secs)],
          ['Consumers', number(queue.consumers)],
          ['In flight', count(queue.inflight, 'message')],
          ['Delivered', count(queue.delivered, 'message')],
          ['Dead letters go to', queue.dead_letter ?? 'nowhere'],
        ]} /></div><//>
      </div>
      <${Peek} path=${path} depth=${queue.depth} />`}
    ${asked === 'purge' && html`<${Purge} name=${name} path=${path} depth=${queue.depth} setDone=${setDone}
      onClose=${close} />`}
    ${asked === 'requeue' && html`<${Requeue} path=${path} setDone=${setDone} onClose=${close} />`}`;
}

function Peek({ path, depth }) {
  const load = signal => get(`${path}/messages`, { limit: PEEKED }, { signal });
  const { value, error, reload } = usePolled(load, 10_000, [path, depth]);
  return html`<${Card} title="Next messages" actions=${html`<button onClick=${reload}>Look again</button>`}>
    <${Failure} error=${error} retry=${reload} />
    ${value && (value.items.length === 0 ? html`<${Empty} title="Nothing waits">Messages are shown here without being taken
      from the queue.<//>` : html`<ul class="log" tabindex="0" aria-label="Messages that wait">${value.items.map(message => html`
      <li key=${message.sequence}><${Waiting} message=${message} /></li>`)}</ul>`)}<//>`;
}

function Waiting({ message }) {
  const payload = fromBase64(message.payload);
  return html`
    <div class="line"><strong class="number">No. ${number(message.sequence)}</strong>
      ${message.published_at && html`<time>${dateTime(message.published_at)}</time>`}
      <span class="muted small">${bytes(message.size)}, priority ${message.priority}</span>
      ${message.deliveries > 0 && html`<${Badge} kind="warning">delivered ${count(message.deliveries, 'time')}<//>`}
      ${message.expires_at && html`<${Badge}>ends ${until(message.expires_at)}<//>`}</div>
    <details><summary><span class="text">${payload.length ? excerpt(payload) : '(empty)'}</span></summary>
      <${Payload} of=${payload} size=${message.size} /></details>`;
}

function Purge({ name, path, depth, setDone, onClose }) {
  const act = async () => setDone(`${count((await remove(`${path}/messages`)).purged, 'message')} purged.`);
  return html`<${Confirm} title=${`Purge ${name}?`} action="Purge" act=${act} onClose=${onClose}>
    <p>${count(depth, 'message that waits is', 'messages that wait are')} thrown away. What consumers have already stays
      with them.</p><//>`;
}

function Requeue({ path, setDone, onClose }) {
  const [to, setTo] = useState('');
  const [limit, setLimit] = useState('');
  const act = async () => {
    const { requeued } = await post(`${path}/requeue`, { to: to.trim() || null, ...(limit && { limit: Number(limit) }) });
    setDone(`${count(requeued, 'message')} moved.`);
  };
  return html`<${Confirm} title="Move messages to another queue?" action="Requeue" act=${act} onClose=${onClose}>
    <p>Dead letters go back to the queues that they came from, or all to one of your choice, and are tried anew.</p>
    <${Field} label="To" hint="Empty: where each came from">
      <input placeholder="/queue/NAME" value=${to} onInput=${event => setTo(event.target.value)} /><//>
    <${Field} label="At most" hint="Empty: all"><input type="number" min="1" value=${limit}
      onInput=${event => setLimit(event.target.value)} /><//>
  <//>`;
}
