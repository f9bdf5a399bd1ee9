// A worker: a STOMP connection of its own that consumes the queue.
//
// It subscribes with `ack:client-individual` and `prefetch-count:1`, so it has one job at a time, which stays the queue's until
// it says ACK (done), or NACK (somebody else may try; with `requeue:false` nobody does, and the job is a dead letter). When
// its connection is lost, by its page being closed or by `die`, the broker gives its job to another worker.

import { connectStomp } from '../kit/stomp.js';
import { EVENTS, JOBS, jobOf, triesOf } from './jobs.js';

export class QueueWorker {
  /** The job it has, with `tries` and `since` (of performance.now()), or null. */
  job = null;
  /** Whether it works by itself, or waits for the buttons. */
  isAutomatic = true;
  done = 0;

  /** `changed(worker)` is called when there is something new to say. */
  constructor(name, changed) {
    Object.assign(this, { name, changed: () => changed(this) });
    const { client, connection } = connectStomp({
      onConnect: () => {
        client.subscribe(JOBS, message => this.take(message), { ack: 'client-individual', 'prefetch-count': '1' });
      },
    });
    Object.assign(this, { client, connection });
    connection.watch(({ isOpen }) => {
      // The right to answer is gone with the connection: the job is the queue's again.
      if (!isOpen) this.drop();
      this.changed();
    });
  }

  take(message) {
    const job = jobOf(message);
    if (!job) {
      message.nack({ requeue: 'false' });
      return;
    }
    this.message = message;
    this.job = { ...job, tries: triesOf(message), since: performance.now() };
    this.tell('took');
    this.proceed();
    this.changed();
  }

  setAutomatic(isAutomatic) {
    this.isAutomatic = isAutomatic;
    this.proceed();
    this.changed();
  }

  /** By itself it takes the time that the job needs, from when it got it. */
  proceed() {
    clearTimeout(this.timer);
    if (!this.job || !this.isAutomatic) return;
    const { since, seconds, fails } = this.job;
    const left = since + seconds * 1000 - performance.now();
    this.timer = setTimeout(() => (fails ? this.giveBack('failed') : this.finish()), Math.max(0, left));
  }

  /** How much of the job is done, from 0 to 1. */
  get progress() {
    if (!this.job) return 0;
    return Math.min(1, (performance.now() - this.job.since) / Math.max(1, this.job.seconds * 1000));
  }

  finish() {
    this.settle('done', message => {
      message.ack();
      this.done += 1;
    });
  }

  giveBack(what = 'gave back') {
    this.settle(what, message => message.nack());
  }

  refuse() {
    this.settle('refused', message => message.nack({ requeue: 'false' }));
  }

  settle(what, answer) {
    if (!this.job || !this.client.connected) return;
    const { message } = this;
    this.tell(what);
    this.drop();
    answer(message);
    this.changed();
  }

  drop() {
    clearTimeout(this.timer);
    this.job = null;
    this.message = null;
  }

  tell(what) {
    const { id, title, tries } = this.job;
    this.client.publish({
      destination: EVENTS,
      headers: { qos: '0', 'content-type': 'application/json' },
      body: JSON.stringify({ worker: this.name, what, job: id, title, tries }),
    });
  }

  /** Ends without a word to the broker, as if its page had crashed. */
  die() {
    this.client.deactivate({ force: true });
  }
}
