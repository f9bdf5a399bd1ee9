// The tables and who sits there, over STOMP.
//
//   /topic/demo/game/ROOM/SEAT   retained: who has the seat (0 or 1), and the whole game as they see it
//
// Each topic has one writer, who has the seat. A broker with access rules can hold everybody to that; without them, whoever sits
// there says again at once what somebody else has overwritten. A page tells of its seat every now and then, and the broker
// forgets it (`ttl`) when it no longer does: STOMP has no wills.

import { connectStomp } from '../kit/stomp.js';
import { agree, COLUMNS, fits, ROWS } from './rules.js';

const ROOT = '/topic/demo/game';
/** How long a seat is kept for somebody who is gone, in milliseconds. A hidden page's timers run once a minute. */
const KEPT = 150_000;
/** How often a page tells of its seat, in milliseconds. */
const BEAT = 30_000;
/** How long after a connection a page tells of its seat, in milliseconds: somebody else may have it by now. */
const LOOK_FIRST = 500;
/** How long two who have sat down on one seat may have to find out, in milliseconds. */
const CONTEST = 3_000;
/** The longest wait before a seat is told of that was overwritten, in milliseconds. */
const MEND = 500;

export class Tables {
  /** By room: `seats`, each null or `{ id, name, round, moves, seenAt }`, and the `game` that they have agreed on. */
  rooms = new Map();
  /** Our own seat, if we have one: `{ room, seat, round, moves, satAt }`. What the broker repeats of it is older than this. */
  own = null;
  #hasTold = false;
  #mending = null;

  constructor(self, onChange) {
    this.self = self;
    this.onChange = onChange;
    const { client, connection } = connectStomp({
      onConnect: () => {
        this.#hasTold = false;
        client.subscribe(`${ROOT}/+/+`, ({ headers, body }) => this.#receive(headers.destination, body));
        setTimeout(() => this.#tell(), LOOK_FIRST);
      },
    });
    this.client = client;
    this.connection = connection;
    setInterval(() => {
      this.#tell();
      this.#forget();
    }, BEAT);
  }

  /** The seats of a room, ours as we know it. */
  seatsOf(room) {
    const seats = [...this.rooms.get(room)?.seats ?? [null, null]];
    if (this.own?.room === room) seats[this.own.seat] = { ...this.self, ...this.own };
    return seats;
  }

  /** Takes a seat that is free, with the game as it stands. */
  sit(room, seat) {
    const seats = this.seatsOf(room);
    const { round = 0 } = seats[1 - seat] ?? {};
    this.own = { room, seat, round, moves: agree(seats)?.moves ?? [], satAt: Date.now() };
    this.#say();
  }

  /** Gives the seat back: an empty message clears the retained one. */
  stand() {
    const { room, seat } = this.own;
    this.own = null;
    if (this.connection.isOpen) this.#send(room, seat, '');
    this.onChange();
  }

  /** Drops a disc. Whether it may be dropped is for the caller to know, and for the other player to see. */
  move(column) {
    this.own.moves = [...agree(this.seatsOf(this.own.room)).moves, column];
    this.#say();
  }

  /** Begins another round. It is played when the other player does so, too. */
  again() {
    const { round = 0 } = this.seatsOf(this.own.room)[1 - this.own.seat] ?? {};
    Object.assign(this.own, { round: Math.max(this.own.round + 1, round), moves: [] });
    this.#say();
  }

  /** Tells of a new name. */
  rename() {
    this.#say();
  }

  #say() {
    this.#tell();
    this.onChange();
  }

  #tell() {
    if (!this.own || !this.connection.isOpen) return;
    const { room, seat, round, moves } = this.own;
    this.#hasTold = true;
    this.#send(room, seat, JSON.stringify({ id: this.self.id, name: this.self.name, round, moves }));
  }

  #send(room, seat, body) {
    this.client.publish({ destination: `${ROOT}/${room}/${seat}`, body, headers: { retain: 'true', ttl: String(KEPT) } });
  }

  #receive(destination, body) {
    const [room, level] = destination.slice(ROOT.length + 1).split('/');
    const seat = ['0', '1'].indexOf(level);
    if (seat < 0) return;
    const said = read(body);
    this.#mind(room, seat, said);
    if (!this.rooms.has(room)) this.rooms.set(room, { seats: [null, null], game: null });
    const table = this.rooms.get(room);
    // What contradicts a game that both have played is not listened to, nor is what makes no sense.
    if (body !== '' && !(said && fits(table.game, said))) return;
    table.seats[seat] = said && { ...said, seenAt: Date.now() };
    table.game = agree(this.seatsOf(room));
    this.#follow(room, table.game);
    this.onChange();
  }

  /** Minds our own seat, of which somebody has said something. */
  #mind(room, seat, said) {
    if (!this.own) {
      // After a reload: our seat, as we left it.
      if (said?.id === this.self.id) this.own = { room, seat, round: said.round, moves: said.moves, satAt: 0 };
      return;
    }
    if (this.own.room !== room || this.own.seat !== seat) return;
    const isTaken = said && said.id !== this.self.id;
    // We were away for too long, or both have sat down at once: then the seat is for one of the two, whoever looks.
    if (isTaken && (!this.#hasTold || (Date.now() - this.own.satAt < CONTEST && said.id < this.self.id))) {
      this.own = null;
      return;
    }
    const isOurs = said?.id === this.self.id && said.round === this.own.round && said.moves.join() === this.own.moves.join();
    if (isOurs || !this.#hasTold) return;
    this.#mending ??= setTimeout(() => {
      this.#mending = null;
      this.#tell();
    }, Math.random() * MEND);
  }

  /** We tell what we have seen of the other's moves: so they cannot be changed any more. */
  #follow(room, game) {
    if (this.own?.room !== room || game.round !== this.own.round || game.moves.length <= this.own.moves.length) return;
    this.own.moves = game.moves;
    this.#tell();
  }

  /** Seats of which nobody has told for long are free: the broker has forgotten them by then. */
  #forget() {
    for (const [room, { seats }] of this.rooms) {
      for (const seat of [0, 1]) if (seats[seat] && seats[seat].seenAt + KEPT < Date.now()) seats[seat] = null;
      if (!seats[0] && !seats[1]) this.rooms.delete(room);
    }
    this.onChange();
  }
}

/** What somebody says of a seat; null where it makes no sense: anybody may send anything. */
function read(body) {
  try {
    const { id, name, round, moves } = JSON.parse(body);
    const isFine = typeof id === 'string' && typeof name === 'string' && Number.isInteger(round) && round >= 0
      && Array.isArray(moves) && moves.length <= COLUMNS * ROWS;
    return isFine ? { id, name: name.slice(0, 24), round, moves } : null;
  } catch {
    return null;
  }
}
