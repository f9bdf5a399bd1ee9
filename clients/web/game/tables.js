// The tables and who sits there, over STOMP.
//
//   /topic/demo/game/ROOM/SEAT   retained: who has the seat (0 or 1), and the whole game as they see it
//
// Each topic has one writer, who has the seat. A broker with access rules can hold everybody to that. A page tells of its seat
// again and again, and the broker forgets it (`ttl`) when it no longer does: STOMP has no wills.

import { connectStomp } from '../kit/stomp.js';
import { agree, COLUMNS, ROWS } from './rules.js';

const ROOT = '/topic/demo/game';
/** How long a seat is kept for somebody who is gone, in milliseconds. A hidden page's timers run once a minute. */
const KEPT = 150_000;
/** How often a page tells of its seat, in milliseconds. */
const BEAT = 30_000;
/** How long after a connection a page tells of its seat, in milliseconds: somebody else may have it by now. */
const LOOK_FIRST = 500;

export class Tables {
  /** Two seats by room: null, or `{ id, name, round, moves, seenAt }`. */
  rooms = new Map();
  /** Our own seat, if we have one: `{ room, seat, round, moves }`. What the broker repeats of it is older than this. */
  own = null;

  constructor(self, onChange) {
    this.self = self;
    this.onChange = onChange;
    const { client, connection } = connectStomp({
      onConnect: () => {
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
    const seats = [...this.rooms.get(room) ?? [null, null]];
    if (this.own?.room === room) seats[this.own.seat] = { ...this.self, ...this.own };
    return seats;
  }

  /** Takes a seat that is free, with the game as it stands. */
  sit(room, seat) {
    const game = agree(this.seatsOf(room));
    const other = this.seatsOf(room)[1 - seat];
    this.own = { room, seat, round: other?.round ?? 0, moves: game?.moves ?? [] };
    this.#tell();
    this.onChange();
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
    this.#tell();
    this.onChange();
  }

  /** Begins another round. It is played when the other player does so, too. */
  again() {
    const other = this.seatsOf(this.own.room)[1 - this.own.seat];
    Object.assign(this.own, { round: Math.max(this.own.round + 1, other?.round ?? 0), moves: [] });
    this.#tell();
    this.onChange();
  }

  /** Tells of a change of our name. */
  rename() {
    this.#tell();
    this.onChange();
  }

  #tell() {
    if (!this.own || !this.connection.isOpen) return;
    const { room, seat, round, moves } = this.own;
    this.#send(room, seat, JSON.stringify({ id: this.self.id, name: this.self.name, round, moves }));
  }

  #send(room, seat, body) {
    this.client.publish({ destination: `${ROOT}/${room}/${seat}`, body, headers: { retain: 'true', ttl: String(KEPT) } });
  }

  #receive(destination, body) {
    const [room, level] = destination.slice(ROOT.length + 1).split('/');
    const seat = Number(level);
    if (seat !== 0 && seat !== 1) return;
    const said = read(body);
    if (said?.id === this.self.id) {
      // After a reload: our seat, as we left it.
      this.own ??= { room, seat, round: said.round, moves: said.moves };
    } else if (said && this.own?.room === room && this.own.seat === seat) {
      // We were away for too long.
      this.own = null;
    }
    if (!this.rooms.has(room)) this.rooms.set(room, [null, null]);
    this.rooms.get(room)[seat] = said && { ...said, seenAt: Date.now() };
    this.#follow(room);
    this.onChange();
  }

  /** We tell what we have seen of the other's moves: so they cannot be changed any more. */
  #follow(room) {
    if (this.own?.room !== room) return;
    const seats = this.seatsOf(room);
    const game = agree(seats);
    if (seats[0]?.round !== seats[1]?.round || game.moves.join() === this.own.moves.join()) return;
    this.own.moves = game.moves;
    this.#tell();
  }

  /** Seats of which nobody has told for long are free: the broker has forgotten them by then. */
  #forget() {
    for (const [room, seats] of this.rooms) {
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
    const isFine = typeof id === 'string' && typeof name === 'string' && Number.isInteger(round) && Array.isArray(moves)
      && moves.length <= COLUMNS * ROWS;
    return isFine ? { id, name: name.slice(0, 24), round, moves } : null;
  } catch {
    return null;
  }
}
