// A viewer in the page: its picture, and its numbers.

import { element } from '../kit/dom.js';
import { Viewer } from './viewer.js';

/** What the states of its connection are called; of an open one nothing is said. */
const STATES = { connecting: 'Connecting…', waiting: 'Connection lost, trying again', closed: 'Not connected' };

export class ViewerTile {
  /** Shows the stream `id` until its button closes it; then `closed` is called. Others see the viewer as `label`. */
  constructor({ id, title, label, isSlow, closed }) {
    const canvas = element('canvas', { role: 'img', 'aria-label': title });
    this.values = Object.fromEntries(['rate', 'latency', 'dropped'].map(name => [name, element('dd', { 'data-name': name })]));
    const fact = (name, label) => element('div', {}, element('dt', {}, label), this.values[name]);
    this.note = element('p', { class: 'state' });
    const close = element('button', { type: 'button', class: 'plain', 'aria-label': `Close ${title}` }, 'Close');
    this.element = element('section', { class: 'card viewer', 'aria-label': `${title}${isSlow ? ', slowly' : ''}` },
      element('header', {},
        element('h3', {}, title), element('span', { class: 'badge' }, label),
        isSlow && element('span', { class: 'badge warning' }, 'slow'), close),
      element('div', { class: 'picture' }, canvas, this.note),
      element('dl', { class: 'numbers' },
        fact('rate', 'Frames a second'), fact('latency', 'Latency'), fact('dropped', 'Dropped')));
    const viewer = new Viewer({ id, label, isSlow, canvas, changed: seen => this.show(seen) });
    close.addEventListener('click', () => {
      viewer.stop();
      this.element.remove();
      closed();
    });
  }

  show({ rate, latency, dropped, connection }) {
    const texts = {
      rate: rate.perSecond.toFixed(1),
      latency: latency === null ? '–' : `${Math.max(0, latency).toFixed(0)} ms`,
      dropped: String(dropped),
    };
    for (const [name, text] of Object.entries(texts)) {
      if (this.values[name].textContent !== text) this.values[name].textContent = text;
    }
    const state = STATES[connection.state] ?? '';
    if (this.note.textContent !== state) this.note.textContent = state;
    this.note.hidden = state === '';
  }
}
