// The tree itself, which the keyboard moves in as well. (WAI-ARIA, tree view pattern)

import { html, useState } from './preact.js';
import { get } from './api.js';
import { number } from './format.js';
import { Badge, Failure } from './parts.js';
import { usePolled } from './polled.js';

/** `items` are the levels at the top; those below are asked for when they are opened. */
export const Tree = ({ items, isWhole, chosen, choose }) => html`
  <ul class="tree" role="tree" aria-label="Topics" onKeyDown=${move}>
    ${items.map((item, index) => html`<${Level} key=${item.topic} item=${item} chosen=${chosen} choose=${choose}
      isFirst=${index === 0 && !chosen} />`)}
    ${!isWhole && html`<${More} />`}
  </ul>`;

const More = () => html`<li role="none" class="muted small">There are more, which are not listed.</li>`;

function Level({ item, chosen, choose, isFirst }) {
  const [isOpen, setOpen] = useState(() => chosen?.startsWith(`${item.topic}/`) ?? false);
  const isChosen = item.topic === chosen;
  const hasChildren = item.children > 0;
  const act = event => {
    event.stopPropagation();
    choose(item.topic);
    if (hasChildren && !(isOpen && !isChosen)) setOpen(!isOpen);
  };
  const press = event => {
    if (event.target !== event.currentTarget) return;
    if (event.key === 'Enter' || event.key === ' ') act(event);
    else if (event.key === 'ArrowRight' && hasChildren && !isOpen) setOpen(true);
    else if (event.key === 'ArrowLeft' && isOpen) setOpen(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<li role="treeitem" aria-expanded=${hasChildren ? String(isOpen) : undefined} aria-selected=${String(isChosen)}
      tabindex=${isChosen || isFirst ? 0 : -1} onClick=${act} onKeyDown=${press}>
    <div class="row"><span class="twist" aria-hidden="true">${hasChildren ? (isOpen ? '▾' : '▸') : ''}</span>
      <span class="label">${item.name === '' ? '(empty level)' : item.name}</span>
      <span class="meta">
        ${item.retained && html`<${Badge} kind="accent">retained<//>`}
        ${item.subscriptions > 0 && html`<span class="muted small number"
          title=${`${number(item.subscriptions)} subscriptions at or below`}>${number(item.subscriptions)}</span>`}
      </span></div>
    ${isOpen && html`<${Below} prefix=${item.topic} chosen=${chosen} choose=${choose} />`}
  </li>`;
}

function Below({ prefix, chosen, choose }) {
  const { value, error } = usePolled(signal => get('/topics', { prefix, limit: 1000 }, { signal }), 5_000, [prefix]);
  return html`<ul role="group">
    ${error && html`<li role="none"><${Failure} error=${error} /></li>`}
    ${value?.items.map(item => html`<${Level} key=${item.topic} item=${item} chosen=${chosen} choose=${choose} />`)}
    ${value && value.next !== null && html`<${More} />`}
  </ul>`;
}

/** Up and down go over what is to be seen; right and left, where the level itself does nothing with them, in and out. */
function move(event) {
  const levels = [...event.currentTarget.querySelectorAll('[role="treeitem"]')];
  const at = levels.indexOf(document.activeElement);
  const target = {
    ArrowDown: () => levels[at + 1],
    ArrowUp: () => levels[at - 1],
    Home: () => levels[0],
    End: () => levels.at(-1),
    ArrowRight: () => document.activeElement.querySelector('[role="treeitem"]'),
    ArrowLeft: () => document.activeElement.parentElement.closest('[role="treeitem"]'),
  }[event.key]?.();
  if (!target) return;
  event.preventDefault();
  target.focus();
}
