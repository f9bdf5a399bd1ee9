// A game for two, with others who look on, over STOMP. How it works:
//
//  1. A table has two seats, and a topic for each: its retained message says who sits there, and the game as they see it.
//  2. One subscription with wildcards, /topic/demo/game/+/+, brings all tables, and keeps them up to date.
//  3. A move is that message sent again with one column more. The broker keeps the last one, so whoever loads the page, comes
//     back after a loss of the network, or only looks on, has the whole game with the first two messages.
//  4. Nobody is the referee. A move counts when it is its seat's turn, and the other player does not contradict; everybody works
//     that out from the two messages (rules.js). Cheating changes what one says, and not what is played.
//  5. A seat is told of again every half minute, and expires (`ttl`) when its page is gone for longer than two.
//
// tables.js speaks with the broker, rules.js knows the game; this file shows it.

import { element, find } from '../kit/dom.js';
import { remember, whoIAm } from '../kit/identity.js';
import { showStatus } from '../kit/status.js';
import { agree, COLUMNS, moverOf, play, ROWS } from './rules.js';
import { Tables } from './tables.js';

const self = await whoIAm('game');
const slug = text => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '');
let room = slug(new URLSearchParams(location.search).get('room') ?? '') || 'harbour';

const tables = new Tables(self, () => show());
const { connection } = tables;

/** All that is shown follows from the table: who sits, whose turn it is, and whether it is ours. */
function look() {
  const seats = tables.seatsOf(room);
  const game = agree(seats) ?? { round: 0, ...play([], 0) };
  const turn = moverOf(game.moves.length, game.round);
  const own = tables.own?.room === room ? tables.own.seat : null;
  const isSet = seats[0] && seats[1] && seats[0].round === seats[1].round;
  return { seats, game, turn, own, isSet, isOurs: isSet && !game.isOver && own === turn && connection.isOpen };
}

/** What is to be said about it, in a line. */
function sayOf({ seats, game, turn, own, isSet }) {
  const nameOf = seat => (seat === own ? 'You' : seats[seat]?.name);
  if (!seats[0] && !seats[1]) return 'Nobody sits here yet';
  if (game.isOver) {
    const winner = 1 - turn;
    return game.line === null ? 'A draw' : `${nameOf(winner) ?? 'The seat that is free'} ${winner === own ? 'have' : 'has'} won`;
  }
  if (!seats[0] || !seats[1]) return own === null ? 'A seat is free' : 'Waiting for somebody to sit down';
  if (!isSet) return 'One of them begins anew';
  return own === turn ? 'Your turn' : `${nameOf(turn)} to move`;
}

function show() {
  const at = look();
  find('#table').textContent = `Table “${room}”`;
  find('#say').textContent = sayOf(at);
  showSeats(at);
  showBoard(at);
  showTables();
  const wantsAgain = at.own !== null && at.seats[1 - at.own] && (at.game.isOver || !at.isSet);
  const isAsked = wantsAgain && !at.isSet && at.seats[at.own].round < at.seats[1 - at.own].round;
  find('#again').hidden = !wantsAgain || (!at.isSet && !isAsked);
  find('#again').textContent = isAsked ? `${at.seats[1 - at.own].name} begins anew: join` : 'Play again';
  find('#stand').hidden = at.own === null;
}

let seatsShown = '';

/** Made anew only when something has changed: a button that is looked at by keyboard stays. */
function showSeats({ seats, turn, own, isSet, game }) {
  const people = seats.map(seat => seat && [seat.id, seat.name]);
  const key = JSON.stringify([room, people, turn, own, isSet, game.isOver, connection.isOpen]);
  if (key === seatsShown) return;
  seatsShown = key;
  find('#seats').replaceChildren(...seats.map((person, seat) => element('div', {
    class: `seat disc-${seat}${isSet && !game.isOver && turn === seat ? ' turn' : ''}`,
  },
  element('i', { class: `disc disc-${seat}` }),
  person
    ? [element('b', {}, person.name), seat === own && element('span', { class: 'muted small' }, 'you')]
    : element('button', {
      type: 'button', class: 'primary', disabled: own !== null || !connection.isOpen, onclick: () => sit(seat),
    }, 'Sit here'))));
}

/** The buttons are made once, so that they keep the focus. */
const drops = Array.from({ length: COLUMNS }, (_, column) => element('button', {
  type: 'button', class: 'drop', 'aria-label': `Drop in column ${column + 1}`, onclick: () => drop(column),
}, '▼'));
find('#drops').append(...drops);
const cells = Array.from({ length: COLUMNS * ROWS }, (_, cell) =>
  element('i', { class: 'cell', onclick: () => drop(Math.floor(cell / ROWS)) }));
for (let row = ROWS - 1; row >= 0; row -= 1) {
  for (let column = 0; column < COLUMNS; column += 1) find('#board').append(cells[column * ROWS + row]);
}

function showBoard({ seats, game, turn, isOurs }) {
  for (const [column, button] of drops.entries()) {
    button.disabled = !isOurs || game.heights[column] === ROWS;
    button.className = `drop disc-${turn}`;
  }
  const last = game.moves.at(-1);
  const lastCell = last === undefined ? null : last * ROWS + game.heights[last] - 1;
  for (const [number, cell] of cells.entries()) {
    const seat = game.cells.get(number);
    const classes = ['cell', seat !== undefined && `disc disc-${seat}`, number === lastCell && 'last',
      game.line?.includes(number) && 'won'];
    cell.className = classes.filter(Boolean).join(' ');
  }
  const row = number => Array.from({ length: COLUMNS }, (_, column) => game.cells.get(column * ROWS + number))
    .map(seat => (seat === undefined ? 'free' : seats[seat]?.name ?? `seat ${seat + 1}`)).join(', ');
  const rows = Array.from({ length: Math.max(0, ...game.heights) },
    (_, number) => `Row ${number + 1} from below: ${row(number)}.`);
  find('#board').setAttribute('aria-label', rows.join(' ') || 'The board is empty.');
}

function showTables() {
  const names = new Set([room, ...tables.rooms.keys()]);
  const focused = document.activeElement?.dataset.room;
  find('#tables').replaceChildren(...[...names].sort().map(name => {
    const seats = tables.seatsOf(name);
    const sitting = seats.filter(Boolean).map(seat => seat.name);
    return element('li', {}, element('button', {
      type: 'button', 'data-room': name, 'aria-current': name === room && 'true', onclick: () => enter(name),
    }, element('b', {}, name), element('span', { class: 'muted small' }, sitting.join(' and ') || 'free')));
  }));
  if (focused) find(`#tables [data-room="${CSS.escape(focused)}"]`)?.focus();
}

/** Goes to a table, by an address that can be sent to somebody. */
function enter(name) {
  room = name;
  const address = new URL(location.href);
  address.searchParams.set('room', room);
  history.replaceState(null, '', address);
  find('#link').value = address.href.replace(/#.*/, '');
  show();
}

function sit(seat) {
  if (tables.own) tables.stand();
  tables.sit(room, seat);
}

function drop(column) {
  const { isOurs, game } = look();
  if (isOurs && game.heights[column] < ROWS) tables.move(column);
}

document.addEventListener('keydown', event => {
  const column = Number(event.key) - 1;
  if (event.target.closest('input') || event.ctrlKey || event.metaKey || event.altKey) return;
  if (column >= 0 && column < COLUMNS) drop(column);
});
find('#again').addEventListener('click', () => tables.again());
find('#stand').addEventListener('click', () => tables.stand());
find('#open').addEventListener('submit', event => {
  event.preventDefault();
  const { room: input } = event.target.elements;
  if (slug(input.value)) enter(slug(input.value));
  input.value = '';
});
find('#link').addEventListener('focus', event => event.target.select());
find('#own-name').value = self.name;
find('#own-name').addEventListener('change', event => {
  self.name = event.target.value.trim() || self.name;
  event.target.value = self.name;
  remember('game', self);
  tables.rename();
});
showStatus(find('#status'), connection);
connection.watch(() => show());
enter(room);
