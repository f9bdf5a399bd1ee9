// What happens to one client or topic, as it happens.

import { html, useEffect, useRef, useState } from './preact.js';
import { listen } from './api.js';
import { bytes, count, moment, time } from './format.js';
import { Badge, Card, Choice, Empty, Failure, Field } from './parts.js';

/** Events that are kept; older ones go. */
const EVENTS_MAX = 1000;

const KINDS = {
  connect: ['good', 'connects'], disconnect: ['warning', 'disconnects'], in: ['accent', 'in'], out: ['', 'out'],
  dropped: ['danger', 'dropped'], 'left-out': ['warning', 'left out'],
};

export function Trace({ words }) {
  const [by, setBy] = useState(words.has('topic') ? 'topic' : 'client_id');
  const [text, setText] = useState(words.get('topic') ?? words.get('client_id') ?? '');
  const { followed, events, error, start, stop, clear } = useTrace();
  const [held, setHeld] = useState(null);
  useEffect(() => { if (text) start({ [by]: text }); }, []);
  const shown = held ?? events;
  const submit = event => {
    event.preventDefault();
    if (followed) stop();
    else start({ [by]: text.trim() });
  };
  const actions = html`
    <button aria-pressed=${String(held !== null)} onClick=${() => setHeld(held ? null : events)}>
      ${held ? 'Go on' : 'Pause'}</button>
    <button onClick=${() => { setHeld(null); clear(); }}>Clear</button>`;
  return html`
    <div class="heading"><h1>Trace</h1>
      ${followed && html`<${Badge} kind="good">following ${Object.values(followed)[0]}<//>`}</div>
    <${Card} title="Follow"><form class="body form" onSubmit=${submit}>
      <fieldset class="field" disabled=${followed !== null}><legend>What</legend><${Choice} label="What is followed" value=${by}
        options=${[['client_id', 'A client'], ['topic', 'A topic']]} onChange=${setBy} /></fieldset>
      <${Field} label=${by === 'topic' ? 'Topic filter' : 'Client identifier'}><input required value=${text}
        disabled=${followed !== null} onInput=${event => setText(event.target.value)} /><//>
      <div><button class=${followed ? '' : 'primary'}>${followed ? 'Stop' : 'Follow'}</button></div>
    </form><//>
    <${Failure} error=${error} />
    <${Card} title=${shown.length ? count(shown.length, 'event') : 'Events'} actions=${actions}>
      ${shown.length === 0
        ? html`<${Empty} title="Nothing yet">${followed ? 'What happens appears here.'
          : 'Say whom or what to follow: each packet and frame in and out, what is dropped, and who comes and goes.'}<//>`
        : html`<ul class="log" tabindex="0" aria-label="Events">${shown.map(event => html`
          <li key=${event.number}><${Line} of=${event} /></li>`)}</ul>`}<//>`;
}

/** What is not known by name is shown with its name: a newer broker may tell more. */
function Line({ of: { at, kind, number, packet, topic, size, qos, client_id, ...more } }) {
  const [colour, name] = KINDS[kind] ?? ['', kind];
  const rest = Object.entries(more).filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : value}`);
  return html`<div class="line"><time>${moment(at) ? time(moment(at)) : ''}</time><${Badge} kind=${colour}>${name}<//>
    ${packet && html`<strong>${packet}</strong>`}${client_id && html`<span>${client_id}</span>`}
    ${topic && html`<code>${topic}</code>`}
    <span class="muted small">${[Number.isInteger(qos) && `QoS ${qos}`, Number.isInteger(size) && bytes(size), ...rest]
      .filter(Boolean).join(' · ')}</span></div>`;
}

/** One stream at a time, which ends with the view; its events, the newest first. */
function useTrace() {
  const [state, setState] = useState({ followed: null, error: null });
  const [events, setEvents] = useState([]);
  const abort = useRef(null);
  const stop = () => {
    abort.current?.abort();
    setState({ followed: null, error: null });
  };
  const start = async followed => {
    abort.current?.abort();
    const own = new AbortController();
    abort.current = own;
    setState({ followed, error: null });
    let number = 0;
    try {
      await listen('/trace', followed, own.signal, (_, event) => {
        number += 1;
        setEvents(before => [{ ...event, number: `${performance.now()}-${number}` }, ...before.slice(0, EVENTS_MAX - 1)]);
      });
      if (!own.signal.aborted) setState({ followed: null, error: null });
    } catch (error) {
      if (!own.signal.aborted) setState({ followed: null, error });
    }
  };
  useEffect(() => () => abort.current?.abort(), []);
  return { ...state, events, start, stop, clear: () => setEvents([]) };
}
