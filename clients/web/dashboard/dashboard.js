// A dashboard: numbers that come all the time, as lines over the last minutes.
//
// Each source publishes to a topic of its own, `demo/dashboard/<source>`, an object of numbers as JSON:
// {"memory (%)": 61.2, "load": 0.4}. The page subscribes to all of them with `+`, and makes a chart for each name and a line for
// each source; so a new source or metric needs no change here. The messages are QoS 0, since the next one comes soon
// anyway, and retained, so that a page that has just been opened has the last value of everything at once. A source that ends
// takes its value away by an empty retained message, which a tab leaves with the broker as its will. Without a connection the
// lines have gaps; MQTT.js comes back by itself. A hidden page goes on gathering (series.js), and draws nothing
// (requestAnimationFrame). Sources: `feed`, a shell script that measures a machine, and tab-feed.js, this tab itself.

import { element, find } from '../kit/dom.js';
import { whoIAm } from '../kit/identity.js';
import { connectMqtt, subscribeAlways } from '../kit/mqtt.js';
import { showStatus } from '../kit/status.js';
import { Chart } from './chart.js';
import { Series } from './series.js';
import { TabFeed } from './tab-feed.js';

const ROOT = 'demo/dashboard/';
/** The time between two drawings, in milliseconds. */
const DRAW_PERIOD = 250;
/** A source that was silent for so long is said to be, in seconds. */
const SILENT_SECS = 5;

const self = await whoIAm('dashboard');
const series = new Series();
const charts = new Map();
let windowSecs = 60;
let feed = null;

const { client, connection } = connectMqtt({ clientId: `dashboard-${self.id}` });
showStatus(find('#status'), connection);
subscribeAlways(client, `${ROOT}+`, { qos: 0 });
client.on('message', (topic, payload, packet) => {
  const name = topic.slice(ROOT.length);
  if (payload.length === 0) series.remove(name);
  else series.add(name, payload, packet.retain, Date.now() / 1000);
  if (topic === feed?.topic && !packet.retain) feed.heard();
});

for (const button of document.querySelectorAll('#window button')) {
  button.addEventListener('click', () => {
    windowSecs = Number(button.value);
    for (const each of document.querySelectorAll('#window button')) each.setAttribute('aria-pressed', each === button);
  });
}

find('#feed').addEventListener('click', () => {
  if (feed) {
    feed.stop();
    feed = null;
  } else {
    feed = new TabFeed(`dashboard-feed-${self.id}`, `${ROOT}${self.name}-${self.id.slice(0, 4)}`);
  }
  find('#feed').textContent = feed ? 'Stop feeding' : 'Feed it from this tab';
  find('#feed').classList.toggle('primary', !feed);
});

find('#command').textContent = `clients/web/dashboard/feed ${connection.url}`;

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => charts.forEach(chart => chart.recolour()));

let drawn = 0;
function frame(time) {
  requestAnimationFrame(frame);
  if (time - drawn < DRAW_PERIOD) return;
  drawn = time;
  series.prune(Date.now() / 1000);
  drawSources();
  drawCharts();
}
requestAnimationFrame(frame);

function drawCharts() {
  for (const [metric, chart] of charts) {
    if (series.metrics.has(metric)) continue;
    chart.remove();
    charts.delete(metric);
  }
  for (const [metric, lines] of series.metrics) {
    if (!charts.has(metric)) {
      const chart = new Chart(metric);
      charts.set(metric, chart);
      find('#charts').append(chart.element);
    }
    charts.get(metric).draw(lines, [...series.sources.values()], windowSecs);
  }
}

/** The entries of the list of sources. */
const entries = new Map();

function drawSources() {
  const { sources } = series;
  find('#nothing').hidden = sources.size > 0;
  find('#sources').hidden = sources.size === 0;
  for (const [name, entry] of entries) {
    if (sources.has(name)) continue;
    entry.element.remove();
    entries.delete(name);
  }
  const now = Date.now() / 1000;
  for (const { name, colour, heard } of sources.values()) {
    if (!entries.has(name)) {
      const said = element('small');
      const made = element('li', {}, element('i', { class: `dot series-${colour}` }), element('span', {}, name), said);
      entries.set(name, { element: made, said });
      find('#sources').append(made);
    }
    const text = now - heard < SILENT_SECS ? 'live' : `last heard ${ago(now - heard)} ago`;
    const { said } = entries.get(name);
    if (said.textContent !== text) said.textContent = text;
  }
}

function ago(secs) {
  if (secs < 100) return `${Math.round(secs)} s`;
  return secs < 6000 ? `${Math.round(secs / 60)} min` : `${Math.round(secs / 3600)} h`;
}
