// How the broker is, in words and in curves.

import { html } from './preact.js';
import { get } from './api.js';
import { Chart } from './chart.js';
import { bytes, count, duration, number, short } from './format.js';
import { useHistory } from './history.js';
import { Failure, Note } from './parts.js';
import { usePolled } from './polled.js';
import { complaints } from './complaints.js';

const perSecond = value => `${value < 10 && value > 0 ? value.toFixed(1) : short(value)}/s`;
const rate = value => (value === null ? '–' : perSecond(value));
const byteRate = value => (value === null ? '–' : `${bytes(value)}/s`);

export function Overview() {
  const { samples, overview, error } = useHistory();
  const last = samples.at(-1);
  const { value: slow } = usePolled(signal => get('/clients', { slow: true, limit: 5 }, { signal }), 5_000, []);
  const { value: queues } = usePolled(signal => get('/queues', { limit: 1000 }, { signal }), 5_000, []);
  const wrong = complaints({ samples, overview, slow, queues: queues?.items ?? [] });
  const tiles = [
    ['Connections', number(overview?.connections)],
    ['Sessions', number(overview?.sessions)],
    ['Subscriptions', number(overview?.subscriptions)],
    ['Retained', number(overview?.retained)],
    ['Queues', number(overview?.queues)],
    ['Memory', bytes(last?.memory)],
    ['Running for', duration(overview?.uptime_secs)],
  ];
  return html`
    <div class="heading"><h1>Overview</h1></div>
    <${Failure} error=${error} />
    ${overview && !error && html`<ul class="notes" aria-label="State">${wrong.length === 0
      ? html`<li><${Note} kind="good">All is well: nothing is slow, dropped or refused at present.<//></li>`
      : wrong.map(({ kind, text, href }) => html`<li><${Note} kind=${kind}
          actions=${href && html`<a href=${href}>Show</a>`}>${text}<//></li>`)}</ul>`}
    <dl class="tiles">${tiles.map(([name, value]) => html`
      <div class="card tile"><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <div class="charts">
      <${Chart} title="Messages" samples=${samples} format=${rate} series=${[
        { name: 'in', of: sample => sample.messages_in_rate }, { name: 'out', of: sample => sample.messages_out_rate }]} />
      <${Chart} title="Bytes" samples=${samples} format=${byteRate} kind="bytes" series=${[
        { name: 'in', of: sample => sample.bytes_in_rate }, { name: 'out', of: sample => sample.bytes_out_rate }]} />
      <${Chart} title="Clients" samples=${samples} format=${short} series=${[
        { name: 'connections', of: sample => sample.connections }, { name: 'sessions', of: sample => sample.sessions }]} />
      <${Chart} title="Messages in queues" samples=${samples} format=${short} series=${[
        { name: 'waiting', of: sample => sample.queue_depth }]} />
      <${Chart} title="Memory" samples=${samples} format=${bytes} kind="bytes" series=${[
        { name: 'resident', of: sample => sample.memory }]} />
      <${Chart} title="Trouble" samples=${samples} format=${rate} series=${[
        { name: 'refused', of: sample => sample.refused_rate }, { name: 'dropped', of: sample => sample.dropped_rate }]} />
    </div>
    ${overview && html`<p class="muted small">Tidewire ${overview.version}.
      Curves show the last five minutes, ${count(samples.length, 'sample')} so far.</p>`}`;
}
