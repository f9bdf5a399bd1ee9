// The rules of the game, and how two players' accounts of it become one. Nothing here knows of a network.

export const COLUMNS = 7;
export const ROWS = 6;
const IN_A_ROW = 4;

/** Which seat makes a move: they take turns, and turns at beginning. */
export const moverOf = (number, round) => (number + round) % 2;

/**
 * Plays moves, each of them a column, up to the first that the rules forbid.
 *
 * @returns the moves that count, `cells` (a seat by `column * ROWS + row`, row 0 at the bottom), the cells of a `line` that has
 *   won, and whether the game `isOver`.
 */
export function play(moves, round) {
  const cells = new Map();
  const heights = Array(COLUMNS).fill(0);
  const counted = [];
  let line = null;
  for (const column of moves) {
    if (line || !Number.isInteger(column) || column < 0 || column >= COLUMNS || heights[column] === ROWS) break;
    const row = heights[column];
    heights[column] += 1;
    cells.set(column * ROWS + row, moverOf(counted.length, round));
    counted.push(column);
    line = lineThrough(cells, column, row);
  }
  return { moves: counted, cells, heights, line, isOver: line !== null || counted.length === COLUMNS * ROWS };
}

/** Four or more of the same seat that the last disc has completed. */
function lineThrough(cells, column, row) {
  const seat = cells.get(column * ROWS + row);
  for (const [right, up] of [[1, 0], [0, 1], [1, 1], [1, -1]]) {
    const line = [column * ROWS + row];
    for (const way of [1, -1]) {
      for (let step = way; ; step += way) {
        const [x, y] = [column + step * right, row + step * up];
        if (x < 0 || x >= COLUMNS || y < 0 || y >= ROWS || cells.get(x * ROWS + y) !== seat) break;
        line.push(x * ROWS + y);
      }
    }
    if (line.length >= IN_A_ROW) return line;
  }
  return null;
}

/**
 * The game that two seats agree on, from what each says of it, as `play` gives it; null where nobody sits.
 *
 * A move counts when the seat whose turn it was claims it, and the other seat says nothing else. The last move may be one that
 * the other seat has not seen yet. So a second move at once, one taken back, or one claimed for the other seat change nothing,
 * whoever looks, in whichever order.
 */
export function agree([one, other]) {
  if (!one || !other) return one ?? other ? accountOf(one ?? other) : null;
  // One of them has begun anew already: the other still has the game as it was.
  if (one.round !== other.round) return accountOf(one.round < other.round ? one : other);
  const moves = [];
  for (;;) {
    const isOnes = moverOf(moves.length, one.round) === 0;
    const claimed = (isOnes ? one : other).moves[moves.length];
    const seen = (isOnes ? other : one).moves[moves.length];
    if (claimed === undefined || (seen !== undefined && seen !== claimed)) break;
    moves.push(claimed);
    if (seen === undefined) break;
  }
  return accountOf({ round: one.round, moves });
}

const accountOf = ({ round, moves }) => ({ round, ...play(moves, round) });

/** Whether an account may follow on a game that was agreed on: it may know less of it, or more, yet nothing else. */
export function fits(game, { round, moves }) {
  if (!game || round > game.round) return true;
  return round === game.round && moves.every((column, number) => number >= game.moves.length || column === game.moves[number]);
}
