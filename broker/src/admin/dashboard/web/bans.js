// Who may not come in for now, and how to let them in again.

import { html, useState } from './preact.js';
import { get, part, remove } from './api.js';
import { count, until } from './format.js';
import { Card, Confirm } from './parts.js';
import { usePolled } from './polled.js';
import { Table } from './table.js';

/** Nothing, where nobody is banned. */
export function Bans() {
  const { value, reload } = usePolled(signal => get('/bans', { limit: 1000 }, { signal }), 5_000, []);
  const [asked, setAsked] = useState(null);
  const close = () => {
    setAsked(null);
    reload();
  };
  if (!value?.items.length) return null;
  const lift = ban => html`<button aria-label=${`Lift the ban of ${whom(ban)}`} onClick=${() => setAsked(ban)}>Lift</button>`;
  return html`<${Card} title=${count(value.total, 'ban')}>
    <${Table} label="Bans" columns=${[...COLUMNS, { name: 'Action', show: lift }]} items=${value.items} keyOf=${ban => ban.id} />
    ${asked && html`<${Confirm} title=${`Let ${whom(asked)} in again?`} action="Lift the ban" onClose=${close}
      act=${() => remove(`/bans/${part(asked.id)}`)}><p>It may connect at once.</p><//>`}
  <//>`;
}

const whom = ban => ban.client_id ?? ban.user ?? ban.address;

const COLUMNS = [
  { name: 'Banned', show: whom },
  { name: 'What', show: ban => (ban.client_id ? 'client identifier' : ban.user ? 'user' : 'address') },
  { name: 'Why', show: ban => ban.reason ?? (ban.by === 'failures' ? 'too many logins failed' : '–') },
  { name: 'Ends', show: ban => (ban.until ? until(ban.until) : 'when it is lifted, or the broker stops') },
];
