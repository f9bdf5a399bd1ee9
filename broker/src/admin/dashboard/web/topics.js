// The tree of topics, opened level by level, and what is retained at one.

import { html, useState } from './preact.js';
import { get } from './api.js';
import { Card, Empty, Failure } from './parts.js';
import { TopicDetail } from './topic.js';
import { Tree } from './tree.js';
import { usePolled } from './polled.js';

export function Topics({ name }) {
  const [chosen, setChosen] = useState(name || null);
  const { value, error, reload } = usePolled(signal => get('/topics', { limit: 1000 }, { signal }), 5_000, []);
  const choose = topic => {
    setChosen(topic);
    // Without an event: the tree stays as it is, and the address can be kept.
    history.replaceState(null, '', `#/topics/${encodeURIComponent(topic)}`);
  };
  return html`
    <div class="heading"><h1>Topics</h1></div>
    <${Failure} error=${error} retry=${reload} />
    <div class="split">
      <${Card} title="Tree">${value && (value.items.length === 0
        ? html`<${Empty} title="No topics">Topics appear once a message is retained there, or somebody subscribes.<//>`
        : html`<${Tree} items=${value.items} isWhole=${value.next === null} chosen=${chosen} choose=${choose} />`)}<//>
      ${chosen ? html`<${TopicDetail} key=${chosen} topic=${chosen} changed=${reload} />`
        : html`<div class="card"><${Empty} title="No topic chosen">Choose one to see what is retained there, and what comes
            to it.<//></div>`}
    </div>`;
}
