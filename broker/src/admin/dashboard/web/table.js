// A table that is sorted by its columns and shown page by page; on a narrow screen each row is a card.

import { html, useState } from './preact.js';
import { number } from './format.js';

const PAGE_ROWS = 50;

/**
 * Each column has `name`, `show(item)`, and where it can be sorted by it, `by(item)`; `kind: 'number'` is set to the right.
 * The first one names the row.
 */
export function Table({ label, columns, items, keyOf, first = null }) {
  const [order, setOrder] = useState(first);
  const [page, setPage] = useState(0);
  const rows = sorted(items, columns, order);
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  const at = Math.min(page, pages - 1);
  const sortBy = name => setOrder(order?.name === name ? { name, isDown: !order.isDown } : { name, isDown: false });
  return html`
    <div class="scroll">
      <table class="cards" role="table">
        <caption class="hidden">${label}</caption>
        <thead role="rowgroup"><tr role="row">${columns.map(column => html`
          <${Heading} column=${column} order=${order} sortBy=${sortBy} />`)}</tr></thead>
        <tbody role="rowgroup">${rows.slice(at * PAGE_ROWS, (at + 1) * PAGE_ROWS).map(item => html`
          <tr role="row" key=${keyOf(item)}>${columns.map(({ name, kind, show }) => html`
            <td role="cell" class=${kind ?? ''} data-label=${name}>${show(item)}</td>`)}</tr>`)}
        </tbody>
      </table>
    </div>
    ${pages > 1 && html`<nav class="pages" aria-label=${`Pages of ${label}`}>
      <span class="muted small">${number(at * PAGE_ROWS + 1)}–${number(Math.min(rows.length, (at + 1) * PAGE_ROWS))}
        ${' '}of ${number(rows.length)}</span>
      <button disabled=${at === 0} onClick=${() => setPage(at - 1)}>Previous</button>
      <button disabled=${at === pages - 1} onClick=${() => setPage(at + 1)}>Next</button>
    </nav>`}`;
}

function Heading({ column: { name, kind, by }, order, sortBy }) {
  const isChosen = order?.name === name;
  const direction = isChosen ? (order.isDown ? 'descending' : 'ascending') : 'none';
  const arrow = isChosen ? (order.isDown ? ' ↓' : ' ↑') : '';
  if (!by) return html`<th role="columnheader" scope="col" class=${kind ?? ''}>${name}</th>`;
  return html`<th role="columnheader" scope="col" class=${kind ?? ''} aria-sort=${direction}>
    <button type="button" onClick=${() => sortBy(name)}>${name}${arrow}</button></th>`;
}

function sorted(items, columns, order) {
  const by = columns.find(column => column.name === order?.name)?.by;
  if (!by) return items;
  const compare = (one, other) => {
    const [a, b] = [by(one) ?? '', by(other) ?? ''];
    return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
  };
  return items.toSorted((one, other) => (order.isDown ? compare(other, one) : compare(one, other)));
}
