// Live notifications, and a replay of those that were missed. How it works:
//
//  1. A browser has one session in the broker, named by an identifier that localStorage keeps; a second tab has another.
//  2. The connection is by MQTT 5 without a clean start, and asks for the session to be kept for a day. Its subscription has
//     QoS 1. So what comes while nobody is connected waits in the broker, on its disk.
//  3. On coming back all of it arrives in order, no more than 20 at a time unacknowledged (Receive Maximum).
//  4. What was sent before this connection began was missed: "while you were away".
//  5. A notification is stored here before MQTT.js acknowledges it: whatever happens to the tab, none is lost. QoS 1 may
//     bring one twice, so each has an identifier.
//  6. One that nobody fetches within a day expires in the broker (Message Expiry Interval).
//
// The sender is a second connection, which keeps nothing: one window is enough to try it.

import { clock, element, find, isTime } from '../kit/dom.js';
import { newId, reserve } from '../kit/identity.js';
import { connectMqtt, parse, subscribeAlways } from '../kit/mqtt.js';
import { showStatus } from '../kit/status.js';

const ROOT = 'demo/notifications';
const DAY = 86_400;
/** Notifications that a browser keeps; older ones go. */
const KEPT_MAX = 100;
const KINDS = { news: ['News', 'info'], order: ['Order', 'good'], alarm: ['Alarm', 'danger'] };
const TEXTS = {
  news: ['The ferry leaves five minutes late', 'New charts for the harbour are out', 'High water at 14:20 today'],
  order: ['Two ropes and an anchor, for Ines', 'A lantern has been paid', 'Forty buoys left the warehouse'],
  alarm: ['Gale warning for the outer harbour', 'The pump of lock 2 does not answer', 'Water in the engine room'],
};

/** The first session of this browser that no other tab has: `BROWSER-1`, `BROWSER-2`, and so on. */
async function takeSession() {
  const browser = localStorage.getItem('tidewire-browser') ?? newId();
  localStorage.setItem('tidewire-browser', browser);
  for (let number = 1; ; number += 1) {
    const session = `${browser}-${number}`;
    if (await reserve(`tidewire-notifications-${session}`)) return session;
  }
}

const session = await takeSession();
const key = `tidewire-notifications-${session}`;
const held = JSON.parse(localStorage.getItem(key) ?? '[]');
let openedAt = 0;
let missed = 0;

const { client, connection } = connectMqtt({
  clientId: `notifications-${session}`,
  sessionSeconds: DAY,
  properties: { receiveMaximum: 20 },
});
subscribeAlways(client, [`${ROOT}/+`]);
client.on('connect', () => {
  openedAt = Date.now();
  missed = 0;
});
client.on('message', (topic, payload) => {
  const kind = topic.split('/').at(-1);
  const said = parse(payload);
  if (!(kind in KINDS) || typeof said?.text !== 'string' || !isTime(said.at)) return;
  if (held.some(({ id }) => id === said.id)) return;
  const wasMissed = said.at < openedAt;
  if (wasMissed) missed += 1;
  held.unshift({ id: String(said.id), kind, text: said.text.slice(0, 200), at: said.at, wasMissed });
  held.splice(KEPT_MAX);
  keep();
  show();
});

const sender = connectMqtt({ clientId: `notifications-${newId()}` }).client;
let sent = 0;

function send(kind, text) {
  const chosen = text || TEXTS[kind][Math.floor(Math.random() * TEXTS[kind].length)];
  sender.publish(`${ROOT}/${kind}`, JSON.stringify({ id: newId(), text: chosen, at: Date.now() }), {
    qos: 1, properties: { messageExpiryInterval: DAY },
  }, error => {
    if (error) return;
    sent += 1;
    find('#sent').textContent = `${sent} sent, and taken by the broker`;
  });
}

/** A full localStorage costs the list, not the page. */
function keep() {
  try {
    localStorage.setItem(key, JSON.stringify(held));
  } catch {
    held.splice(KEPT_MAX / 2);
  }
}

function show() {
  const unread = held.filter(({ isRead }) => !isRead).length;
  find('#unread').textContent = `${unread} new`;
  find('#unread').hidden = unread === 0;
  find('#read').disabled = unread === 0;
  document.title = `${unread ? `(${unread}) ` : ''}Notifications · Tidewire`;
  const note = element('p', { class: 'note' }, element('strong', {}, `While you were away: ${missed}`));
  find('#missed').replaceChildren(...(missed ? [note] : []));
  find('#list').replaceChildren(...(held.length ? held.map(item) : [element('li', { class: 'empty' },
    element('strong', {}, 'Nothing yet'), 'Send one, here or in a second window.')]));
}

function item({ kind, text, at, wasMissed, isRead }) {
  const [name, colour] = KINDS[kind];
  return element('li', { class: isRead ? 'read' : '' },
    element('span', { class: `badge ${colour}` }, name),
    element('span', { class: 'text' }, text),
    element('span', { class: 'muted small' }, wasMissed && 'missed · ',
      element('time', { datetime: new Date(at).toISOString() }, clock(at))));
}

showStatus(find('#status'), connection);
connection.watch(({ state }) => {
  find('#leave').textContent = state === 'closed' ? 'Come back' : 'Go away';
  find('#leave').disabled = state !== 'open' && state !== 'closed';
});
find('#leave').addEventListener('click', () => {
  if (connection.state === 'closed') connection.retry();
  else client.end();
});
find('#read').addEventListener('click', () => {
  for (const one of held) one.isRead = true;
  missed = 0;
  keep();
  show();
});
find('#send').addEventListener('submit', event => {
  event.preventDefault();
  const { kind, text } = event.target.elements;
  send(kind.value, text.value.trim());
  text.value = '';
});
find('#five').addEventListener('click', () => {
  const kinds = Object.keys(KINDS);
  for (let count = 0; count < 5; count += 1) send(kinds[count % kinds.length], '');
});
show();
