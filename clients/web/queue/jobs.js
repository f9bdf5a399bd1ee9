// What a job is, and where jobs go.

import { newId } from '../kit/identity.js';

/** Each job is for one worker, and is the queue's until it is acknowledged. */
export const JOBS = '/queue/demo.jobs';
/** Where the broker puts what nobody could do: `queues.dead_letter` of its configuration names it. */
export const DEAD = '/queue/dead.demo.jobs';
/** Workers tell here what they do, so that every page sees it. */
export const EVENTS = '/topic/demo/queue/events';

const TITLES = [
  'Resize the cover photo', 'Send the welcome letter', 'Index chapter 7', 'Render the trailer', 'Check the invoice',
  'Translate the menu', 'Print the tickets', 'Tag the holiday pictures', 'Count the votes', 'Sign the release',
  'Mix the second verse', 'Back up the shop',
];

/** A job with a title, or one that is made up. A job that fails does so whoever tries it. */
export function makeJob({ title = '', fails = false, isUrgent = false } = {}) {
  return {
    id: newId(),
    title: title || TITLES[Math.floor(Math.random() * TITLES.length)],
    seconds: fails ? 1 : 2 + Math.floor(Math.random() * 4),
    fails,
    isUrgent,
  };
}

/** How a job is sent. Its id stands in a header, so that a selector can choose it. */
export const frameOf = job => ({
  destination: JOBS,
  headers: { job: job.id, priority: job.isUrgent ? '9' : '4', 'content-type': 'application/json' },
  body: JSON.stringify(job),
});

/** The job in a MESSAGE, or null: anybody may send anything to the queue. */
export function jobOf(message) {
  try {
    const { id, title, seconds, fails, isUrgent } = JSON.parse(message.body);
    if (typeof id !== 'string' || typeof title !== 'string' || !Number.isFinite(seconds)) return null;
    const time = Math.min(60, Math.max(0, seconds));
    return { id, title: title.slice(0, 80), seconds: time, fails: Boolean(fails), isUrgent: Boolean(isUrgent) };
  } catch {
    return null;
  }
}

/** How often a job was given to a worker, this time included. */
export const triesOf = message => Number(message.headers['delivery-count'] ?? 1);
