// What becomes of a dead letter: it is taken out of its queue by a consumer that selects this one alone.

import { DEAD, jobOf, frameOf } from './jobs.js';

/** How long a letter may take to come; then another page has it, in milliseconds. */
const PATIENCE = 5000;

/**
 * Sends the job with this id to the workers again. That and the letter's end take effect together, by a transaction: a broker
 * that stops in between leaves the letter where it is, and nothing is done twice.
 */
export function retry(client, id, done) {
  takeOne(client, id, message => {
    const transaction = client.begin();
    const job = jobOf(message);
    if (job) {
      // Whatever was wrong has been mended, so it does not fail again.
      const frame = frameOf({ ...job, fails: false });
      client.publish({ ...frame, headers: { ...frame.headers, transaction: transaction.id } });
    }
    message.ack({ transaction: transaction.id });
    transaction.commit();
  }, done);
}

/** Throws it away. */
export function discard(client, id, done) {
  takeOne(client, id, message => message.ack(), done);
}

function takeOne(client, id, act, done) {
  const end = () => {
    clearTimeout(late);
    if (client.connected) subscription.unsubscribe();
    done();
  };
  const subscription = client.subscribe(DEAD, message => {
    act(message);
    end();
  }, {
    ack: 'client-individual',
    'prefetch-count': '1',
    // SQL's way to write a quote in a text.
    selector: `job = '${id.replaceAll("'", "''")}'`,
  });
  const late = setTimeout(end, PATIENCE);
}
