// A work queue: jobs that are done once, by whoever has time.
//
// Jobs are sent to `/queue/demo.jobs`, with a receipt: RECEIPT says that the broker has the job on its disk, and a job without one
// is sent again after a lost connection. Workers (worker.js) consume the queue over connections of their own, in this page and
// in others; each job goes to one of them, and stays the queue's until that one sends ACK. NACK gives it back, and a worker
// that dies gives back what it had, so that another one gets it, with `redelivered:true` and a `delivery-count`. What was
// delivered too often, or was refused (`requeue:false`), lies in `/queue/dead.demo.jobs` with the reason in a header; it can be
// tried again, by a transaction that takes it there and sends it here (dead-letters.js). Both queues are looked at once a
// second, without taking anything (shelf.js). What workers do they tell on a topic, which is the log of every page. When the
// broker restarts, all connections come back by themselves and subscribe again; jobs are where they were.

import { clock, element, find } from '../kit/dom.js';
import { whoIAm } from '../kit/identity.js';
import { showStatus } from '../kit/status.js';
import { connectStomp } from '../kit/stomp.js';
import { discard, retry } from './dead-letters.js';
import { DEAD, EVENTS, JOBS, frameOf, makeJob } from './jobs.js';
import { Shelf, SHOWN_MAX } from './shelf.js';
import { ShelfList } from './shelf-list.js';
import { WorkerCard } from './worker-card.js';

/** How often the queues are looked at, in milliseconds. */
const LOOK_PERIOD = 1000;
const LOG_MAX = 60;

const self = await whoIAm('queue');
const waiting = new Shelf(JOBS);
const dead = new Shelf(DEAD);
/** Jobs that the broker has not confirmed, by their ids. */
const unconfirmed = new Map();

const { client, connection } = connectStomp({
  onConnect: () => {
    client.subscribe(EVENTS, message => hear(message.body));
    for (const job of unconfirmed.values()) send(job);
    look();
  },
});
showStatus(find('#status'), connection);
connection.watch(({ isOpen }) => {
  showUnconfirmed();
  if (isOpen) return;
  waiting.interrupt();
  dead.interrupt();
});

// Jobs

function add(job) {
  unconfirmed.set(job.id, job);
  if (connection.isOpen) send(job);
  showUnconfirmed();
}

/** A job that was sent twice, since its receipt was lost, is done twice: workers should not mind that. */
function send(job) {
  const frame = frameOf(job);
  client.watchForReceipt(job.id, () => {
    unconfirmed.delete(job.id);
    showUnconfirmed();
  });
  client.publish({ ...frame, headers: { ...frame.headers, receipt: job.id } });
}

function showUnconfirmed() {
  const count = unconfirmed.size;
  find('#unconfirmed').textContent = count > 0 && !connection.isOpen ? `${count} will be sent when the broker is back` : '';
}

find('#add').addEventListener('submit', event => {
  event.preventDefault();
  const { title, fails, urgent } = Object.fromEntries(new FormData(event.target));
  add(makeJob({ title: title.trim(), fails: fails === 'on', isUrgent: urgent === 'on' }));
  event.target.reset();
});
find('#add-ten').addEventListener('click', () => {
  for (let count = 0; count < 10; count += 1) add(makeJob());
});

// Queues

const waitingList = new ShelfList(find('#waiting'), ({ job }) => [
  job?.isUrgent && element('span', { class: 'badge accent' }, 'urgent'),
  job?.fails && element('span', { class: 'badge warning' }, 'fails'),
]);
const deadList = new ShelfList(find('#dead'), ({ job, headers }) => [
  element('small', { class: 'muted' }, reasonOf(headers)),
  // Only what has an id can be selected.
  ...(job && headers.job ? [
    button('Try again', job.title, settle(retry, headers.job)),
    button('Discard', job.title, settle(discard, headers.job)),
  ] : []),
]);

function button(text, title, onclick) {
  return element('button', { type: 'button', 'aria-label': `${text}: ${title}`, onclick }, text);
}

const REASONS = {
  deliveries: 'was tried too often',
  rejected: 'was refused',
  expired: 'has expired',
  length: 'the queue was full',
  'too-large': 'was too large',
};
function reasonOf(headers) {
  const times = Number(headers['dead-letter-deliveries']);
  const reason = REASONS[headers['dead-letter-reason']] ?? 'was given up';
  return times > 0 ? `${reason}, after ${times} ${times === 1 ? 'try' : 'tries'}` : reason;
}

const settle = (act, id) => ({ target }) => {
  if (!connection.isOpen) return;
  target.disabled = true;
  act(client, id, () => {
    target.disabled = false;
    look();
  });
};

function look() {
  if (!connection.isOpen || document.hidden) return;
  waiting.look(client, () => show(waiting, waitingList, find('#waiting-count')));
  dead.look(client, () => show(dead, deadList, find('#dead-count')));
}

function show(shelf, list, count) {
  list.show(shelf.entries);
  count.textContent = shelf.isMore ? `${SHOWN_MAX}+` : shelf.entries.length;
}

setInterval(look, LOOK_PERIOD);
document.addEventListener('visibilitychange', look);

// Workers

const WORKERS_MAX = 12;
let hired = 0;

function hire() {
  hired += 1;
  const card = new WorkerCard(`${self.name} ${hired}`, showHiring);
  find('#workers').append(card.element);
  showHiring();
}

function showHiring() {
  find('#hire').disabled = find('#workers').childElementCount >= WORKERS_MAX;
}

find('#hire').addEventListener('click', hire);

// Log

const SAID = { took: 'took', done: 'finished', failed: 'could not do', 'gave back': 'gave back', refused: 'refused' };

/** Anybody may publish there. */
function hear(body) {
  let told;
  try {
    told = JSON.parse(body);
  } catch {
    return;
  }
  const said = SAID[told?.what];
  if (!said) return;
  const again = told.what === 'took' && told.tries > 1 ? `, try ${Number(told.tries)}` : '';
  const log = find('#log');
  log.prepend(element('li', { class: told.what.replace(' ', '-') },
    element('time', {}, clock(Date.now())), element('strong', {}, String(told.worker).slice(0, 30)),
    ` ${said} `, element('span', {}, String(told.title).slice(0, 80)), again));
  while (log.childElementCount > LOG_MAX) log.lastElementChild.remove();
}

hire();
hire();
