// One client: all that the broker knows of it, and how to be rid of it.

import { html, useState } from './preact.js';
import { get, part, post, remove } from './api.js';
import { isSlow, protocolName } from './clients.js';
import { ago, bytes, count, dateTime, duration, number, until } from './format.js';
import { Badge, Card, Check, Confirm, Empty, Facts, Failure, Field } from './parts.js';
import { usePolled } from './polled.js';
import { Table } from './table.js';

export function Client({ name, words }) {
  const protocol = words.get('protocol') ?? undefined;
  const path = `/clients/${part(name)}`;
  const { value, error, reload } = usePolled(signal => get(path, { protocol }, { signal }), 2_000, [path, protocol]);
  const isGone = error?.status === 404;
  const [asked, setAsked] = useState(null);
  const close = () => {
    setAsked(null);
    reload();
  };
  const connection = value?.connection;
  return html`
    <nav class="small" aria-label="Up"><a href="#/clients">Clients</a></nav>
    <div class="heading"><h1>${name}</h1>
      ${value && !isGone && (connection ? html`<${Badge} kind="good">connected<//>` : html`<${Badge}>away<//>`)}
      ${!isGone && connection && isSlow(connection) && html`<${Badge} kind="warning">slow consumer<//>`}
      <div class="actions">
        <a class="button" href=${`#/trace?client_id=${part(name)}`}>Trace</a>
        <button class="danger" disabled=${isGone || !value} onClick=${() => setAsked('kick')}>Kick</button>
        <button class="danger" disabled=${isGone || !value} onClick=${() => setAsked('ban')}>Ban</button>
      </div>
    </div>
    ${isGone
      ? html`<div class="card"><${Empty} title="No such client">It has gone, and left no session behind.
        <div><button onClick=${reload}>Look again</button></div><//></div>`
      : html`<${Failure} error=${error} retry=${reload} />`}
    ${value && !isGone && html`<${Known} of=${value} />`}
    ${asked === 'kick' && html`<${Kick} name=${name} path=${path} protocol=${protocol} onClose=${close} />`}
    ${asked === 'ban' && html`<${Ban} name=${name} connection=${connection} onClose=${close} />`}`;
}

const Known = ({ of: { connection, session, subscriptions, will, keep_alive_secs } }) => html`
  <div class="columns">
    <${Card} title="Connection"><div class="body">${connection ? html`<${Facts} of=${[
      ['Protocol', protocolName(connection.protocol)],
      ['Transport', `${connection.transport === 'ws' ? 'WebSocket' : 'TCP'}${connection.tls ? ' over TLS' : ''}`],
      ['Name', connection.name],
      ['User', connection.user ?? 'anonymous'],
      ['Address', connection.address],
      ['Listener', connection.listener],
      ['Connected', html`<span title=${dateTime(connection.connected_at)}>${ago(connection.connected_at)}</span>`],
      ['Keep alive', keep_alive_secs === 0 ? 'none' : keep_alive_secs && duration(keep_alive_secs)],
      ['Waiting for it', `${count(connection.outbox.messages, 'message')}, ${bytes(connection.outbox.bytes)}`],
      ['In flight', count(connection.inflight, 'message')],
      ['Number', number(connection.id)],
    ]} />` : html`<p class="muted">It is not connected.</p>`}</div><//>
    <div class="stack"><${Card} title="Session"><div class="body"><${Facts} of=${[
      ['Kind', session.protocol],
      ['Outlives its connection', session.expiry_secs === null ? 'for ever' : session.expiry_secs === 0 ? 'no'
        : `for ${duration(session.expiry_secs)}`],
      ['Ends', session.expires_at && until(session.expires_at)],
      ['Waiting', `${count(session.queued.messages, 'message')}, ${bytes(session.queued.bytes)}`],
      ['In flight', count(session.inflight, 'message')],
    ]} /></div><//>
    ${will && html`<${Card} title="Will"><div class="body"><${Facts} of=${[
      ['Topic', html`<code>${will.topic}</code>`], ['QoS', will.qos], ['Retained', will.retain ? 'yes' : 'no'],
      ['Delay', will.delay_secs ? duration(will.delay_secs) : 'none'],
    ]} /></div><//>`}</div>
  </div>
  <${Card} title=${count(subscriptions.length, 'subscription')}>${subscriptions.length === 0
    ? html`<${Empty} title="No subscriptions">It receives nothing.<//>`
    : html`<${Table} label="Subscriptions" columns=${SUBSCRIPTION} items=${subscriptions} keyOf=${one => one.filter}
        first=${{ name: 'Filter', isDown: false }} />`}<//>`;

const SUBSCRIPTION = [
  { name: 'Filter', by: one => one.filter, show: one => html`<code>${one.filter}</code>` },
  { name: 'QoS', kind: 'number', by: one => one.qos, show: one => one.qos },
  { name: 'Share', by: one => one.share, show: one => one.share ?? '–' },
  { name: 'Options', show: one => [one.no_local && 'no local', one.retain_as_published && 'retain as published']
    .filter(Boolean).join(', ') || '–' },
  { name: 'Identifier', kind: 'number', show: one => number(one.identifier) },
];

function Kick({ name, path, protocol, onClose }) {
  const [discard, setDiscard] = useState(false);
  const act = () => remove(path, { protocol, discard_session: discard || undefined });
  return html`<${Confirm} title=${`Kick ${name}?`} action="Kick" act=${act} onClose=${onClose}>
    <p>Its connection ends, and it is told that an operator has done so. It may come back.</p>
    <${Check} label="End its session as well, with all that waits for it" checked=${discard} onChange=${setDiscard} />
  <//>`;
}

function Ban({ name, connection, onClose }) {
  const [what, setWhat] = useState('client_id');
  const [time, setTime] = useState('10m');
  const [reason, setReason] = useState('');
  const address = connection?.address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const of = { client_id: name, user: connection?.user, address };
  const act = () => post('/bans', { [what]: of[what], for: time || undefined, reason: reason || undefined });
  return html`<${Confirm} title=${`Ban ${name}?`} action="Ban" act=${act} onClose=${onClose}>
    <p>Its connection ends, and it may not come back before the ban does.</p>
    <${Field} label="What is banned"><select value=${what} onChange=${event => setWhat(event.target.value)}>
      <option value="client_id">The client identifier ${name}</option>
      ${of.user && html`<option value="user">The user ${of.user}</option>`}
      ${of.address && html`<option value="address">The address ${of.address}</option>`}
    </select><//>
    <${Field} label="For how long"><select value=${time} onChange=${event => setTime(event.target.value)}>
      <option value="10m">10 minutes</option><option value="1h">1 hour</option><option value="24h">1 day</option>
      <option value="">until it is lifted or the broker stops</option>
    </select><//>
    <${Field} label="Why (others see it)"><input value=${reason} onInput=${event => setReason(event.target.value)} /><//>
  <//>`;
}
