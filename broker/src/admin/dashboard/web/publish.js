// The console's form for a message.

import { html, useState } from './preact.js';
import { Qos } from './qos.js';
import { time } from './format.js';
import { Card, Check, Failure, Field } from './parts.js';

export function Publish({ speaker, isStomp }) {
  const [form, setForm] = useState({ topic: '', payload: '', qos: 1, retain: false, contentType: '', pairs: [] });
  const [said, setSaid] = useState('');
  const [error, setError] = useState(null);
  const change = name => value => setForm(before => ({ ...before, [name]: value }));
  const typed = name => event => change(name)(event.target.value);
  const submit = async event => {
    event.preventDefault();
    setError(null);
    const pairs = form.pairs.map(pair => pair.map(text => text.trim())).filter(([name]) => name);
    try {
      await speaker.publish(form.topic.trim(), form.payload, { ...form, pairs });
      setSaid(`Sent to ${form.topic.trim()} at ${time(new Date())}.`);
    } catch (failure) {
      setSaid('');
      setError(failure);
    }
  };
  return html`<${Card} title="Publish"><form class="body stack" onSubmit=${submit}>
    <div class="form">
      <${Field} label=${isStomp ? 'Destination' : 'Topic'} wide><input required value=${form.topic} onInput=${typed('topic')}
        placeholder=${isStomp ? '/topic/a/b or /queue/c' : 'a/b'} /><//>
      <${Field} label="Payload" wide><textarea value=${form.payload} onInput=${typed('payload')} spellcheck="false" /><//>
      <${Field} label="Content type"><input value=${form.contentType} onInput=${typed('contentType')}
        placeholder="application/json" /><//>
      ${!isStomp && html`<${Qos} value=${form.qos} onChange=${change('qos')} />`}
      <${Check} label="Retain" checked=${form.retain} onChange=${change('retain')} />
    </div>
    <${Pairs} label=${isStomp ? 'header' : 'user property'} value=${form.pairs} onChange=${change('pairs')} />
    <${Failure} error=${error} />
    <div class="actions"><button class="primary" disabled=${!speaker}>Publish</button>
      <span class="muted small" role="status">${said}</span></div>
  </form><//>`;
}

function Pairs({ label, value, onChange }) {
  const set = (index, at, text) => onChange(value.map((pair, place) => (place === index ? pair.with(at, text) : pair)));
  return html`<div class="pairs">
    ${value.map((pair, index) => html`<div class="pair" key=${index}>
      <input aria-label=${`Name of ${label} ${index + 1}`} placeholder="name" value=${pair[0]}
        onInput=${event => set(index, 0, event.target.value)} />
      <input aria-label=${`Value of ${label} ${index + 1}`} placeholder="value" value=${pair[1]}
        onInput=${event => set(index, 1, event.target.value)} />
      <button type="button" class="plain" aria-label=${`Remove ${label} ${index + 1}`}
        onClick=${() => onChange(value.toSpliced(index, 1))}>✕</button></div>`)}
    <div><button type="button" class="plain" onClick=${() => onChange([...value, ['', '']])}>Add a ${label}</button></div>
  </div>`;
}
