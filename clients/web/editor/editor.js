// A text that several people write at once. How it works:
//
//  1. The text is a Yjs document: every change can be merged with every other, in any order, and all come to the same text.
//  2. A change of ours is a small binary message to all others (MQTT 5, QoS 1; No Local, so that it does not come back).
//  3. Who comes says what it has, by a state vector, and gets what it lacks from everybody who is here, by request and response.
//  4. For who comes when nobody is here, the whole document is retained, written anew when a writer pauses.
//  5. Without a connection writing goes on. MQTT.js sends the changes afterwards, and step 3 brings those of the others.
//  6. Carets are messages of QoS 0 that nobody keeps; a will takes away the caret of somebody who is gone.
//
// shared.js speaks with the broker; this file binds the document to a <textarea>. Behind it lies the same text, invisible, in
// which the carets of others stand; it also gives the <textarea> its height.

import * as Y from 'yjs';
import { element, find } from '../kit/dom.js';
import { colourOf, whoIAm } from '../kit/identity.js';
import { showStatus } from '../kit/status.js';
import { SharedText } from './shared.js';

/** The origin of changes that are typed here: the <textarea> has them already. */
const TYPED = 'typed';

const name = (new URLSearchParams(location.search).get('document') ?? 'notes').replace(/[/+#]/g, '-');
const self = await whoIAm('editor');
const shared = new SharedText(name, self, () => {
  showPeople();
  showCarets();
});
const { doc, text, connection } = shared;
const area = find('#text');
const undo = new Y.UndoManager(text, { trackedOrigins: new Set([TYPED]) });

find('#name').textContent = name;
showStatus(find('#status'), connection);
connection.watch(({ isOpen }) => {
  find('#hint').textContent = isOpen ? 'Everybody sees each letter as it is typed.'
    : 'You can go on writing: it is merged with what the others write when the connection is back.';
});

/** What has been typed is what differs between the two texts: everything between their common beginning and end. */
area.addEventListener('input', () => {
  const before = text.toString();
  const after = area.value;
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  // Half of a sign that takes two units is no text.
  if (isHigh(after[start - 1]) || isHigh(before[start - 1])) start -= 1;
  if (isLow(after[after.length - end]) || isLow(before[before.length - end])) end -= 1;
  doc.transact(() => {
    text.delete(start, before.length - end - start);
    text.insert(start, after.slice(start, after.length - end));
  }, TYPED);
});

const isHigh = unit => unit >= '\ud800' && unit <= '\udbff';
const isLow = unit => unit >= '\udc00' && unit <= '\udfff';

text.observe((event, { origin }) => {
  if (origin !== TYPED) {
    const { selectionStart, selectionEnd, selectionDirection } = area;
    area.value = text.toString();
    // What is undone or done again is where one goes on.
    if (origin === undo) area.setSelectionRange(endOf(event.delta), endOf(event.delta));
    else area.setSelectionRange(moved(selectionStart, event.delta), moved(selectionEnd, event.delta), selectionDirection);
  }
  showCarets();
});

/** Where an index is after a change. */
function moved(index, delta) {
  let at = 0;
  for (const { retain = 0, insert = '', delete: deleted = 0 } of delta) {
    at += retain;
    if (at >= index) break;
    index += insert.length - Math.min(deleted, index - at);
    at += insert.length;
  }
  return index;
}

/** Where a change ends. */
const endOf = delta => delta.reduce((at, { retain = 0, insert = '' }) => at + retain + insert.length, 0);

document.addEventListener('selectionchange', () => {
  if (document.activeElement === area) shared.moveTo(area.selectionStart, area.selectionEnd);
});
area.addEventListener('compositionstart', () => shared.hold());
area.addEventListener('compositionend', () => shared.release());
// A browser forgets what it could undo when the text is set; and only one's own changes should be undone.
area.addEventListener('keydown', event => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || !['z', 'y'].includes(event.key.toLowerCase())) return;
  event.preventDefault();
  if (event.key.toLowerCase() === 'y' || event.shiftKey) undo.redo();
  else undo.undo();
});

function showPeople() {
  const people = [[self.id, `${self.name} (you)`], ...[...shared.people].map(([id, person]) => [id, person.name.slice(0, 24)])];
  find('#people').replaceChildren(...people.map(([id, label]) =>
    element('li', { class: `badge person ${colourOf(id)}` }, element('i', { class: 'dot' }), label)));
}

function showCarets() {
  const all = text.toString();
  const carets = [...shared.people].map(([id, person]) => ({ id, label: person.name.slice(0, 24), at: shared.placeOf(person) }))
    .filter(({ at }) => at !== null).sort((one, other) => one.at - other.at);
  let done = 0;
  const parts = carets.flatMap(({ id, label, at }) => {
    const before = all.slice(done, at);
    done = at;
    return [before, element('span', { class: `caret ${colourOf(id)}` }, element('b', {}, label))];
  });
  // A last line that is empty has no height without a sign.
  find('#mirror').replaceChildren(...parts, all.slice(done), '\u200b');
  const words = all.match(/\S+/g)?.length ?? 0;
  find('#size').textContent = `${words} word${words === 1 ? '' : 's'}`;
}

showPeople();
showCarets();
area.focus();
