// The streams there are, and who watches them.

import { element } from '../kit/dom.js';
import { ABOUT_EXPIRY } from './streamer.js';

const STREAMS_MAX = 20;
const VIEWERS_MAX = 50;
/** A viewer reports once a second; one that was silent for so long is gone, in milliseconds. */
const VIEWER_SILENCE = 4000;

export class StreamList {
  streams = new Map();

  /** `watch(id, name, isSlow)` is what the buttons do. */
  constructor(place, watch) {
    Object.assign(this, { place, watch });
  }

  get size() {
    return this.streams.size;
  }

  /** A stream is there, or, if nothing is said about it, is no longer. */
  hearStream(id, about) {
    const stream = this.streams.get(id);
    if (typeof about?.name !== 'string') {
      stream?.element.remove();
      this.streams.delete(id);
    } else if (stream) {
      stream.heard = Date.now();
    } else if (this.streams.size < STREAMS_MAX) {
      this.streams.set(id, this.makeStream(id, about.name.slice(0, 60)));
    }
  }

  makeStream(id, name) {
    const count = element('small', { class: 'muted' });
    const rows = element('tbody');
    const titles = ['Viewer', 'Frames a second', 'Latency', 'Dropped'];
    const table = element('table', { hidden: true },
      element('thead', {}, element('tr', {}, ...titles.map((title, index) => element('th', { class: index > 0 && 'number' }, title)))),
      rows);
    const button = (text, isSlow) => element('button', {
      type: 'button', 'aria-label': `${text}: ${name}`, onclick: () => this.watch(id, name, isSlow),
    }, text);
    const made = element('li', { class: 'stream' },
      element('div', { class: 'line' },
        element('div', {}, element('strong', {}, name), count),
        element('div', { class: 'row' },
          button('Watch', false),
          button('Watch slowly', true))),
      table);
    this.place.append(made);
    return { element: made, count, rows, table, viewers: new Map(), heard: Date.now() };
  }

  /** How a viewer says that it gets on. */
  hearViewer(id, name, report) {
    const stream = this.streams.get(id);
    if (!stream || !report || (!stream.viewers.has(name) && stream.viewers.size >= VIEWERS_MAX)) return;
    if (!stream.viewers.has(name)) {
      const cells = [element('td'), ...[1, 2, 3].map(() => element('td', { class: 'number' }))];
      const row = element('tr', {}, ...cells);
      stream.rows.append(row);
      stream.viewers.set(name, { row, cells });
    }
    const viewer = stream.viewers.get(name);
    viewer.heard = Date.now();
    const texts = [
      `${String(report.label).slice(0, 30)}${report.isSlow ? ', slow' : ''}`,
      number(report.rate, 1),
      report.latency === null ? '–' : `${number(report.latency, 0)} ms`,
      number(report.dropped, 0),
    ];
    viewer.cells.forEach((cell, index) => { cell.textContent = texts[index]; });
    this.count(stream);
  }

  count({ viewers, count, table }) {
    count.textContent = [' nobody watches', ' one viewer'][viewers.size] ?? ` ${viewers.size} viewers`;
    table.hidden = viewers.size === 0;
  }

  forgetSilent() {
    const now = Date.now();
    for (const [id, stream] of this.streams) {
      if (now - stream.heard > ABOUT_EXPIRY * 1000) this.hearStream(id, null);
      for (const [name, { row, heard }] of stream.viewers) {
        if (now - heard <= VIEWER_SILENCE) continue;
        row.remove();
        stream.viewers.delete(name);
      }
      this.count(stream);
    }
  }

  /** Everybody gets the time anew to be heard in: the connection was lost, not they. */
  wait() {
    const now = Date.now();
    for (const stream of this.streams.values()) {
      stream.heard = now;
      for (const viewer of stream.viewers.values()) viewer.heard = now;
    }
  }
}

/** Reports come from anybody. */
const number = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
