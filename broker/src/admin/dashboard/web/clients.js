// Who is connected.

import { html, useState } from './preact.js';
import { get, part } from './api.js';
import { Bans } from './bans.js';
import { ago, bytes, count, moment, number } from './format.js';
import { Badge, Check, Empty, Failure, Field } from './parts.js';
import { usePolled, useSettled } from './polled.js';
import { Table } from './table.js';

/** What the page sorts and searches by itself; the API gives no more at a time. */
const CLIENTS_MAX = 1000;

const PROTOCOLS = {
  mqtt31: 'MQTT 3.1', mqtt311: 'MQTT 3.1.1', mqtt5: 'MQTT 5', stomp10: 'STOMP 1.0', stomp11: 'STOMP 1.1', stomp12: 'STOMP 1.2',
};

/** "MQTT 5", or what stands for a client that has not said yet what it speaks. */
export const protocolName = name => PROTOCOLS[name] ?? 'not said yet';

/** mqtt or stomp: those of one identifier may be there of both. */
export const protocolFamily = name => (name?.startsWith('stomp') ? 'stomp' : 'mqtt');

export const isSlow = client => client.outbox.messages > 0;

/** Where one client is shown. */
export const clientLink = ({ client_id, protocol }) => `#/clients/${part(client_id)}?protocol=${protocolFamily(protocol)}`;

export function Clients({ words }) {
  const [search, setSearch] = useState('');
  const [protocol, setProtocol] = useState('');
  const [onlySlow, setOnlySlow] = useState(words.has('slow'));
  const settled = useSettled(search.trim().toLowerCase());
  const load = signal =>
    get('/clients', { limit: CLIENTS_MAX, protocol, slow: onlySlow ? true : undefined }, { signal });
  const { value, error, reload } = usePolled(load, 3_000, [protocol, onlySlow]);
  const found = value?.items.filter(client => matches(client, settled)) ?? [];
  return html`
    <div class="heading"><h1>Clients</h1>
      <span class="muted">${value && count(value.total, 'connection')}</span></div>
    <div class="card"><div class="body form">
      <${Field} label="Search"><input type="search" placeholder="Client, user or address" value=${search}
        onInput=${event => setSearch(event.target.value)} /><//>
      <${Field} label="Protocol"><select value=${protocol} onChange=${event => setProtocol(event.target.value)}>
        <option value="">All</option><option value="mqtt">MQTT, all versions</option>
        <option value="stomp">STOMP, all versions</option>
        ${Object.entries(PROTOCOLS).map(([name, title]) => html`<option value=${name}>${title}</option>`)}
      </select><//>
      <${Check} label="Slow consumers only" checked=${onlySlow} onChange=${setOnlySlow} />
    </div></div>
    <${Failure} error=${error} retry=${reload} />
    ${value?.total > value?.items.length && html`<p class="muted small">Of ${number(value.total)} connections the first
      ${' '}${number(value.items.length)} are listed and searched. Choose a protocol to see others, or ask by
      ${' '}<code>tidewire ctl clients</code>.</p>`}
    ${value && html`<div class="card">${found.length === 0
      ? html`<${Nobody} isNarrowed=${settled || protocol || onlySlow} />`
      : html`<${Table} label="Clients" columns=${COLUMNS} items=${found} keyOf=${client => client.id}
          first=${{ name: 'Client', isDown: false }} />`}</div>`}
    <${Bans} />`;
}

const Nobody = ({ isNarrowed }) => (isNarrowed
  ? html`<${Empty} title="No such client">Nobody who is connected is like that.<//>`
  : html`<${Empty} title="Nobody is connected">Clients appear here as soon as they connect.<//>`);

const matches = (client, text) => [client.client_id, client.name, client.user, client.address, client.listener]
  .some(value => value?.toLowerCase().includes(text) ?? text === '');

const COLUMNS = [
  {
    name: 'Client', by: client => client.client_id, show: client => (client.client_id
      ? html`<a href=${clientLink(client)}>${client.client_id}</a>` : html`<span class="muted">not said yet</span>`),
  },
  { name: 'User', by: client => client.user, show: client => client.user ?? html`<span class="muted">anonymous</span>` },
  {
    name: 'Protocol', by: client => client.protocol, show: client => html`<span class="nowrap">${protocolName(client.protocol)}
      ${' '}<${Badge}>${client.transport}${client.tls ? ' + TLS' : ''}<//></span>`,
  },
  { name: 'Address', by: client => client.address, show: client => html`<span class="nowrap">${client.address}</span>` },
  { name: 'Subscriptions', kind: 'number', by: client => client.subscriptions, show: client => number(client.subscriptions) },
  {
    name: 'Waiting', kind: 'number', by: client => client.outbox.messages, show: client => html`<span>${isSlow(client)
      && html`<${Badge} kind="warning">slow<//> `}${number(client.outbox.messages)}
      ${isSlow(client) && html`<span class="muted"> (${bytes(client.outbox.bytes)})</span>`}</span>`,
  },
  {
    name: 'Connected', by: client => -(moment(client.connected_at)?.getTime() ?? 0),
    show: client => html`<span class="nowrap">${ago(client.connected_at)}</span>`,
  },
];
