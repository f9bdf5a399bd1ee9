// How late a frame is can only be said by the clock of whoever took it. A viewer asks for that clock's time, as NTP does: the
// answer is taken for that of half way between question and answer, and the answer that came soonest is the best.

/** Milliseconds since 1970, in fractions, by this machine's clock. */
export const now = () => performance.timeOrigin + performance.now();

/** How many answers count: a clock that is set anew is noticed after as many questions. */
const KEPT = 8;

export class RemoteClock {
  answers = [];

  /** The other clock showed `theirs` between two moments of one's own. */
  learn(asked, theirs, answered) {
    this.answers.push({ roundTrip: answered - asked, offset: theirs - (asked + answered) / 2 });
    if (this.answers.length > KEPT) this.answers.shift();
  }

  get best() {
    return this.answers.reduce((best, one) => (best && best.roundTrip <= one.roundTrip ? best : one), null);
  }

  /** How long ago the other clock showed that, in milliseconds; null before the first answer. It is wrong by half of the round
   * trip at most. */
  since(theirs) {
    return this.best && now() + this.best.offset - theirs;
  }
}
