// What is wrong with the broker, in words for its operator, the worst first.

import { count, duration } from './format.js';
import { grown } from './history.js';

/** The last minute is looked at where something is counted. */
const RECENT_SECS = 60;
/** From this age on, a message in a queue that nobody takes from is worth a word. */
const OLD_SECS = 60;

/** Each `{ kind, text, href }`, from the samples, the overview, the first slow clients, and the queues. */
export function complaints({ samples, overview, slow, queues }) {
  const found = [];
  const say = (kind, text, href) => found.push({ kind, text, href });
  if (overview?.draining) say('danger', 'The broker is draining: it lets nobody in, and those who are connected leave.');
  const last = samples.at(-1);
  if (last?.store_failing) {
    say('danger', 'The disk takes nothing: durable publishes are refused. Make room, or replace it.');
  }
  if (last?.publishers_held > 0) {
    say('danger', `Memory is short: ${count(last.publishers_held, 'client that publishes has', 'clients that publish have')} to `
      + 'wait.');
  }
  if (last?.panics > 0) {
    say('danger', `${count(last.panics, 'fault')} of the broker's own ended connections since its start. The log has more; `
      + 'please report it.');
  }
  const dropped = grown(samples, 'dropped', RECENT_SECS);
  if (dropped > 0) {
    say('danger', `${count(dropped, 'message was', 'messages were')} dropped during the last minute: their receivers are `
      + 'too slow, or away for too long.', '#/clients?slow');
  }
  for (const queue of queues.filter(isForgotten)) {
    say('warning', `Nobody takes from the queue ${queue.name}: ${count(queue.depth, 'message waits', 'messages wait')}, the `
      + `oldest for ${duration(queue.oldest_age_secs)}.`, `#/queues/${encodeURIComponent(queue.name)}`);
  }
  if (slow?.total > 0) {
    const names = slow.items.map(client => client.client_id).filter(Boolean).slice(0, 3).join(', ');
    const more = slow.total > 3 ? ' and others' : '';
    say('warning', `${count(slow.total, 'client is', 'clients are')} slower than what comes for them: ${names}${more}.`,
      '#/clients?slow');
  }
  const dead = grown(samples, 'dead_letters', RECENT_SECS);
  if (dead > 0) {
    say('warning', `${count(dead, 'message was', 'messages were')} given up by queues during the last minute, and put to their `
      + 'dead letters.', '#/queues');
  }
  const refused = grown(samples, 'refused', RECENT_SECS);
  if (refused > 0) {
    say('warning', `${count(refused, 'connection or request was', 'connections or requests were')} refused during the last `
      + 'minute; the log says why.');
  }
  return found;
}

const isForgotten = queue => queue.consumers === 0 && queue.depth > 0 && queue.oldest_age_secs >= OLD_SECS;
