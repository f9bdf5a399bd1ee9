// What has come to the console.

import { html, useState } from './preact.js';
import { bytes, count, time } from './format.js';
import { Badge, Card, Empty, Facts } from './parts.js';
import { excerpt, Payload } from './payload.js';

/** `all` has the newest first. While it is paused, what has come until then stays. */
export function Messages({ all, clear }) {
  const [held, setHeld] = useState(null);
  const [search, setSearch] = useState('');
  const messages = (held ?? all).filter(message => message.topic.includes(search));
  const missed = held ? (all[0]?.number ?? 0) - (held[0]?.number ?? 0) : 0;
  const actions = html`
    <input class="search" type="search" aria-label="Only topics with" placeholder="Topic has…" value=${search}
      onInput=${event => setSearch(event.target.value)} />
    <button aria-pressed=${String(held !== null)} onClick=${() => setHeld(held ? null : all)}>
      ${held ? 'Go on' : 'Pause'}</button>
    <button onClick=${() => { setHeld(null); clear(); }}>Clear</button>`;
  return html`<${Card} title="Messages" actions=${actions}>
    ${missed > 0 && html`<p class="body small muted" role="status">Paused; ${count(missed, 'message')} since.</p>`}
    ${messages.length === 0
      ? html`<${Empty} title="No messages">${all.length ? 'None has such a topic.'
        : 'What your subscriptions receive appears here.'}<//>`
      : html`<ul class="log" tabindex="0" aria-label="Messages">${messages.map(message => html`
        <li key=${message.number}><${One} message=${message} /></li>`)}</ul>`}<//>`;
}

const One = ({ message: { topic, payload, notes, at } }) => html`
  <div class="line"><time>${time(at)}</time><strong>${topic}</strong><span class="muted small">${bytes(payload.length)}</span>
    ${notes.filter(([name]) => name === 'QoS').map(([, qos]) => html`<${Badge}>QoS ${qos}<//>`)}
    ${notes.some(([name]) => name === 'Retained') && html`<${Badge} kind="accent">retained<//>`}</div>
  <details><summary><span class="text">${payload.length ? excerpt(payload) : '(empty)'}</span></summary>
    <div class="stack"><${Facts} of=${notes} /><${Payload} of=${payload} /></div></details>`;
