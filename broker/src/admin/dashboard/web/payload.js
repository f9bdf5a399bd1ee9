// A message's bytes as text, JSON or hex.

import { html, useState } from './preact.js';
import { bytes, kindOf, shown } from './format.js';
import { Choice } from './parts.js';

const KINDS = [['json', 'JSON'], ['text', 'Text'], ['hex', 'Hex']];

/** `of` is an array of bytes; `size` is how many there are, where those are only the first. */
export function Payload({ of, size = of.length, label = 'Payload' }) {
  const [chosen, setChosen] = useState(null);
  const possible = KINDS.filter(([kind]) => shown(of, kind) !== null);
  const kind = possible.some(([known]) => known === chosen) ? chosen : kindOf(of);
  const isCut = size > of.length;
  return html`<div class="stack">
    <div class="actions"><${Choice} label="Shown as" value=${kind} options=${possible} onChange=${setChosen} />
      <span class="muted small">${bytes(size)}${isCut ? `, of which the first ${bytes(of.length)} are shown` : ''}</span></div>
    <pre class=${`payload ${kind}`} tabindex="0" role="region"
      aria-label=${label}>${of.length ? shown(of, kind) : '(empty)'}</pre>
  </div>`;
}

/** Its beginning, on one line. */
export function excerpt(payload, length = 120) {
  const kind = kindOf(payload);
  const text = kind === 'hex' ? shown(payload.subarray(0, 24), 'hex').slice(6, 53).trim()
    : shown(payload, 'text').replace(/\s+/g, ' ');
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
