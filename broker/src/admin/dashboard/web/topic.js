// One topic: what is retained there, and what comes to it while somebody looks.

import { html, useEffect, useState } from './preact.js';
import { get, part, remove } from './api.js';
import { dateTime, fromBase64, time, until } from './format.js';
import { follow } from './live.js';
import { Badge, Card, Confirm, Empty, Facts, Failure } from './parts.js';
import { excerpt, Payload } from './payload.js';
import { usePolled } from './polled.js';

/** Messages that are kept to be looked at. */
const HEARD_MAX = 50;

export function TopicDetail({ topic, changed }) {
  const heard = useHeard(topic);
  // A message that was retained just now is asked for at once.
  const inputs = [topic, heard.retained];
  const { value, error, reload } = usePolled(signal => retained(topic, signal), 10_000, inputs);
  const [isAsked, setAsked] = useState(false);
  const close = () => {
    setAsked(false);
    reload();
    changed();
  };
  const clear = value?.message && html`<button class="danger" onClick=${() => setAsked(true)}>Clear</button>`;
  return html`<div class="stack">
    <${Card} title=${topic} actions=${html`<a class="button" href=${`#/trace?topic=${part(topic)}`}>Trace</a>${clear}`}>
      <div class="body stack">
        <${Failure} error=${error} retry=${reload} />
        ${value && (value.message ? html`<${Retained} message=${value.message} />`
          : html`<p class="muted">Nothing is retained at this topic.</p>`)}
      </div><//>
    <${Card} title="Messages as they come">
      ${heard.messages.length === 0 ? html`<${Empty} title="None yet">What is published to this topic appears here.<//>`
        : html`<ul class="log" tabindex="0" aria-label="Messages">${heard.messages.map(message => html`
          <li key=${message.number}><div class="line"><time>${time(message.at)}</time><${Badge}>QoS ${message.qos}<//>
            ${message.retain && html`<${Badge} kind="accent">retained<//>`}</div>
            <details><summary><span class="text">${excerpt(message.payload)}</span></summary>
              <${Payload} of=${message.payload} /></details></li>`)}</ul>`}<//>
    ${isAsked && html`<${Confirm} title="Clear the retained message?" action="Clear" onClose=${close}
      act=${() => remove(`/retained/${part(topic)}`)}>
      <p>Whoever subscribes to <code>${topic}</code> from now on gets nothing at first.</p><//>`}
  </div>`;
}

/** Asked for as a list, since there may be none. */
async function retained(topic, signal) {
  const { items } = await get('/retained', { filter: topic, limit: 1 }, { signal });
  return { message: items[0] ?? null };
}

const Retained = ({ message }) => html`
  <${Facts} of=${[
    ['QoS', message.qos],
    ['Published', message.published_at && dateTime(message.published_at)],
    ['Ends', message.expires_at ? until(message.expires_at) : 'never'],
  ]} />
  <${Payload} of=${fromBase64(message.payload)} size=${message.size} label="Retained payload" />`;

/** The last messages of a topic, the newest first, and how many of them were to be retained. */
function useHeard(topic) {
  const [heard, setHeard] = useState({ messages: [], retained: 0, number: 0 });
  useEffect(() => follow(topic, (_, payload, { qos, retain }) => setHeard(({ messages, retained: before, number }) => ({
    messages: [{ number, at: new Date(), payload, qos, retain }, ...messages.slice(0, HEARD_MAX - 1)],
    retained: before + (retain ? 1 : 0),
    number: number + 1,
  }))), [topic]);
  return heard;
}
