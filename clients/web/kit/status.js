// Shows how the connection stands: a coloured dot, a word, the seconds to the next try; opened, where the broker is and what
// becomes of the session.

import { element, keepBroker } from './dom.js';

const WORDS = { connecting: 'Connecting…', open: 'Connected', waiting: 'Trying again', closed: 'Not connected' };

/** Fills `place` with the state of a connection, for as long as the page lives. */
export function showStatus(place, connection) {
  const word = element('span', { role: 'status' });
  // Not for a screen reader, which would read out every second.
  const seconds = element('span', { class: 'seconds', 'aria-hidden': 'true' });
  const reason = element('p', { class: 'reason' });
  const retry = element('button', { type: 'button', onclick: connection.retry }, 'Try now');
  const details = element('details', { class: 'status' },
    element('summary', {}, element('i', { class: 'dot' }), word, seconds),
    element('div', { class: 'panel' },
      reason,
      element('dl', {},
        element('dt', {}, 'Protocol'), element('dd', {}, connection.protocol),
        element('dt', {}, 'Broker'), element('dd', {}, connection.url),
        element('dt', {}, 'Session'), element('dd', {}, connection.session)),
      element('p', {}, 'Stop the broker and start it again: the page waits a little longer after each try, never quite as long '
        + 'as its neighbours do, and goes on where it was.'),
      retry));
  place.replaceChildren(details);
  keepBroker();

  const count = () => {
    const left = Math.max(0, Math.ceil((connection.until - Date.now()) / 1_000));
    seconds.textContent = connection.state === 'waiting' && left > 0 ? ` in ${left} s` : '';
  };
  let timer = null;
  connection.watch(({ state, reason: why }) => {
    details.dataset.state = state;
    if (word.textContent !== WORDS[state]) word.textContent = WORDS[state];
    reason.textContent = why ?? '';
    reason.hidden = !why;
    retry.hidden = state === 'open' || state === 'connecting';
    clearInterval(timer);
    if (state === 'waiting') timer = setInterval(count, 250);
    count();
  });
  document.addEventListener('pointerdown', event => {
    if (!details.contains(event.target)) details.open = false;
  });
  details.addEventListener('keydown', event => {
    if (event.key === 'Escape') details.open = false;
  });
}
