// Chat, one-to-one and in rooms, with nothing but a broker behind it. How it works:
//
//  1. Each tab is somebody, with an identifier that stays through reloads (kit/identity.js), and has one MQTT 5 connection.
//  2. Who is here: each tab retains its name under a topic of its own. Its will empties that topic. A delay of the will keeps
//     a reload quiet.
//  3. A message goes out with QoS 1 and is shown pale until the broker has acknowledged it.
//  4. The session outlives the connection for an hour: what others say meanwhile waits in the broker, and counts as unread.
//  5. Who comes for the first time gets the last messages all the same: each writer retains the last ten of its own, which
//     expire after a day. No two writers share a topic, so nobody overwrites anybody.
//  6. What comes twice, from the session and as a retained message, is known by its identifier.
//
// talk.js speaks with the broker; this file shows it.

import { clock, element, find } from '../kit/dom.js';
import { colourOf, whoIAm } from '../kit/identity.js';
import { showStatus } from '../kit/status.js';
import { Talk } from './talk.js';

const self = await whoIAm('chat');
const unread = new Map();
const rooms = new Set(['lobby', 'harbour']);
let open = 'room/lobby';

const talk = new Talk(self, (what, message) => {
  if (what === 'people') {
    showNavigation();
    return;
  }
  if (what.startsWith('room/')) rooms.add(what.slice(5));
  const isSeen = what === open && !document.hidden;
  if (message && message.from !== self.id && !message.isOld && !isSeen) unread.set(what, (unread.get(what) ?? 0) + 1);
  if (what === open) showMessages();
  showNavigation();
});
showStatus(find('#status'), talk.connection);

/** The name of somebody, here or gone. */
function nameOf(id) {
  const said = talk.conversations.get(`to/${id}`)?.findLast(message => message.from === id);
  return talk.people.get(id) ?? said?.name ?? 'Somebody';
}

function show(conversation) {
  open = conversation;
  unread.delete(conversation);
  showNavigation();
  find('#messages').replaceChildren();
  showMessages();
  find('#say').text.focus();
}

/** A conversation in the list. What stays between two showings keeps the focus. */
function entry(conversation, sign, name, note) {
  const count = unread.get(conversation);
  return element('li', {}, element('button', {
    type: 'button', 'data-conversation': conversation, 'aria-current': conversation === open && 'true',
    onclick: () => show(conversation),
  },
  sign, element('span', { class: 'name' }, name),
  note && element('span', { class: 'muted small' }, note),
  count && element('span', { class: 'badge accent' }, String(count), element('span', { class: 'hidden' }, ' unread'))));
}

const face = (id, name) =>
  element('span', { class: `face ${colourOf(id)}`, 'aria-hidden': 'true' }, [...name][0]?.toUpperCase() ?? '?');

function showNavigation() {
  const focused = document.activeElement?.dataset.conversation;
  find('#rooms').replaceChildren(...[...rooms].map(room =>
    entry(`room/${room}`, element('span', { class: 'sign', 'aria-hidden': 'true' }, '#'), room)));
  const others = [...talk.people.keys(), ...unread.keys(), ...talk.conversations.keys(), open]
    .map(key => key.replace(/^to\//, '')).filter(id => !id.startsWith('room/') && id !== self.id);
  const people = [...new Set(others)].map(id => [id, nameOf(id)]).sort(([, one], [, other]) => one.localeCompare(other));
  find('#people').replaceChildren(
    element('li', { class: 'me' }, face(self.id, self.name), element('span', { class: 'name' }, self.name),
      element('span', { class: 'muted small' }, 'you')),
    ...people.map(([id, name]) => entry(`to/${id}`, face(id, name), name, talk.people.has(id) ? null : 'away')),
  );
  find('#count').textContent = String(talk.people.size);
  if (focused) [...document.querySelectorAll('[data-conversation]')].find(one => one.dataset.conversation === focused)?.focus();
  const all = [...unread.values()].reduce((sum, count) => sum + count, 0);
  document.title = `${all ? `(${all}) ` : ''}Chat · Tidewire`;
}

function showMessages() {
  const isRoom = open.startsWith('room/');
  const name = isRoom ? `#${open.slice(5)}` : nameOf(open.slice(3));
  find('#title').textContent = name;
  find('#subtitle').textContent = isRoom ? 'Everybody who has the page open reads along.' : 'Between the two of you.';
  find('#say').text.placeholder = `Write to ${name}`;
  const list = find('#messages');
  const log = list.parentElement;
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 48;
  const messages = talk.conversations.get(open) ?? [];
  // Only what has changed is made anew: a screen reader reads that, and nothing twice.
  for (const [index, message] of messages.entries()) {
    const held = list.children[index];
    const isNext = follows(message, messages[index - 1]);
    const key = `${message.id} ${message.isWaiting === true} ${isNext}`;
    if (held?.dataset.key === key) continue;
    const made = line(message, isNext);
    made.dataset.key = key;
    if (held) held.replaceWith(made);
    else list.append(made);
  }
  while (list.children.length > messages.length) list.lastElementChild.remove();
  if (messages.length === 0) {
    list.append(element('li', { class: 'empty' }, element('strong', {}, 'Nothing has been said here yet'),
      'Open this page in a second window, and talk with yourself.'));
  }
  if (isAtEnd || messages.at(-1)?.isWaiting) log.scrollTop = log.scrollHeight;
}

/** Whether a message follows another by the same writer within five minutes: then it has no head of its own. */
const follows = (message, before) => before?.from === message.from && message.at - before.at < 300_000;

function line(message, isNext) {
  const isOwn = message.from === self.id;
  return element('li', {
    class: `${colourOf(message.from)}${isOwn ? ' own' : ''}${message.isWaiting ? ' waiting' : ''}${isNext ? ' next' : ''}`,
  },
  face(message.from, message.name),
  element('div', {},
    element('p', { class: 'head' }, element('b', {}, isOwn ? 'You' : message.name), ' ',
      element('time', { datetime: new Date(message.at).toISOString() }, clock(message.at)),
      message.isWaiting && element('span', {}, ' · waits for the broker')),
    element('p', { class: 'bubble' }, message.text)));
}

find('#say').addEventListener('submit', event => {
  event.preventDefault();
  const { text } = event.target;
  if (text.value.trim()) talk.say(open, text.value.trim());
  text.value = '';
});
find('#new-room').addEventListener('submit', event => {
  event.preventDefault();
  const { room } = event.target;
  // A topic level: letters and digits, what is between them becomes a hyphen.
  const name = room.value.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '');
  room.value = '';
  if (!name) return;
  rooms.add(name);
  show(`room/${name}`);
});
const ownName = find('#self').elements.name;
ownName.value = self.name;
ownName.addEventListener('change', () => {
  if (ownName.value.trim()) talk.rename(ownName.value.trim());
  ownName.value = self.name;
  showNavigation();
});
find('#self').addEventListener('submit', event => {
  event.preventDefault();
  ownName.blur();
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && unread.delete(open)) showNavigation();
});
show(open);
