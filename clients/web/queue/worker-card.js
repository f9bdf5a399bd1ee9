// A worker in the page: what it has, how far it is, and its buttons.

import { element } from '../kit/dom.js';
import { QueueWorker } from './worker.js';

/** How often the bar moves, in milliseconds. */
const PROGRESS_PERIOD = 100;
/** What the states of its connection are called; of an open one nothing is said. */
const STATES = { connecting: 'Connecting…', waiting: 'Connection lost, trying again', closed: 'Not connected' };

export class WorkerCard {
  /** Hires a worker; `gone` is called when there is none any more. */
  constructor(name, gone) {
    this.count = element('small', { class: 'muted' });
    this.title = element('p', { class: 'job' });
    this.tries = element('p', { class: 'small muted' });
    this.bar = element('progress', { max: 1, value: 0, 'aria-label': `Progress of ${name}` });
    const button = (text, label, onclick, kind) =>
      element('button', { type: 'button', class: kind, 'aria-label': label, onclick }, text);
    const answer = (text, act) => button(text, `${name}: ${text}`, act);
    this.answers = [
      answer('Done', () => worker.finish()),
      answer('Give back', () => worker.giveBack()),
      answer('Refuse', () => worker.refuse()),
    ];
    const choose = () => worker.setAutomatic(automatic.checked);
    const automatic = element('input', { type: 'checkbox', checked: true, onchange: choose });
    const kill = button('Kill', `Kill ${name}`, () => {
      clearInterval(timer);
      worker.die();
      this.element.remove();
      gone();
    }, 'danger');
    this.element = element('section', { class: 'card worker', 'aria-label': name },
      element('header', {}, element('h3', {}, name), this.count, kill),
      element('div', { class: 'body stack' },
        this.title, this.bar, this.tries,
        element('div', { class: 'row' }, ...this.answers),
        element('label', { class: 'check' }, automatic, 'Works by itself')));
    const worker = new QueueWorker(name, changed => this.show(changed));
    const timer = setInterval(() => { this.bar.value = worker.progress; }, PROGRESS_PERIOD);
  }

  show({ job, done, connection }) {
    this.element.classList.toggle('busy', job !== null);
    this.count.textContent = done === 0 ? '' : `${done} done`;
    this.title.textContent = job?.title ?? STATES[connection.state] ?? 'Waits for a job';
    const tries = job?.tries > 1 ? `Somebody had it before: try ${job.tries}. ` : '';
    this.tries.textContent = job ? `${tries}${job.fails ? 'This one fails.' : ''}` : '';
    this.bar.hidden = !job;
    for (const button of this.answers) button.disabled = !job;
  }
}
