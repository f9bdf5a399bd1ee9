// The page: its frame, and which view is shown in it. The address after # names the view.

import { html, render, useEffect, useState } from './preact.js';
import { Clients } from './clients.js';
import { Client } from './client.js';
import { Console } from './console.js';
import { startHistory, useHistory } from './history.js';
import { Icon } from './icons.js';
import { Overview } from './overview.js';
import { Choice, Dialog, Field } from './parts.js';
import { Queue } from './queue.js';
import { Queues } from './queues.js';
import { giveToken, onTokenWanted } from './token.js';
import { Topics } from './topics.js';
import { Trace } from './trace.js';

const VIEWS = [
  { name: 'overview', title: 'Overview', all: Overview },
  { name: 'clients', title: 'Clients', all: Clients, one: Client },
  { name: 'topics', title: 'Topics', all: Topics, one: Topics },
  { name: 'queues', title: 'Queues', all: Queues, one: Queue },
  { name: 'console', title: 'Console', all: Console },
  { name: 'trace', title: 'Trace', all: Trace },
];

/** `#/clients/NAME?words` is of the view of clients, of one of them. */
function readAddress() {
  const [path, words = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [name, ...rest] = path.split('/');
  const view = VIEWS.find(known => known.name === name) ?? VIEWS[0];
  return { view, item: decode(rest.join('/')), words: new URLSearchParams(words) };
}

/** What somebody has typed need not be escaped rightly. */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function App() {
  const [address, setAddress] = useState(readAddress);
  useEffect(() => {
    const follow = () => setAddress(readAddress());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  const { view, item, words } = address;
  useEffect(() => {
    document.title = `${item ? `${item} · ` : ''}${view.title} · Tidewire`;
  }, [view, item]);
  const Shown = item && view.one ? view.one : view.all;
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    <div class="shell">
      <${Side} current=${view} />
      <main id="main" tabindex="-1"><${Shown} key=${`${view.name}/${item}?${words}`} name=${item} words=${words} /></main>
    </div>
    <${TokenDialog} />`;
}

/** The address is the view's, so the browser cannot be left to follow the link. */
function skip(event) {
  event.preventDefault();
  document.getElementById('main').focus();
}

function Side({ current }) {
  const { overview } = useHistory();
  return html`<header class="side">
    <div class="brand"><img src="icon.svg" alt="" />Tidewire</div>
    <nav aria-label="Views">${VIEWS.map(({ name, title }) => html`
      <a href=${`#/${name}`} aria-current=${name === current.name ? 'page' : undefined}><${Icon} name=${name} />${title}</a>`)}
    </nav>
    <div class="foot"><${Theme} /><span class="version">${overview ? `Version ${overview.version}` : ' '}</span></div>
  </header>`;
}

function Theme() {
  const [theme, setTheme] = useState(localStorage.getItem('tidewire-theme') ?? '');
  const choose = chosen => {
    setTheme(chosen);
    document.documentElement.dataset.theme = chosen;
    if (chosen) localStorage.setItem('tidewire-theme', chosen);
    else localStorage.removeItem('tidewire-theme');
  };
  return html`<${Choice} label="Colours" value=${theme} onChange=${choose}
    options=${[['', 'Auto'], ['light', 'Light'], ['dark', 'Dark']]} />`;
}

function TokenDialog() {
  const [wanted, setWanted] = useState(null);
  const [text, setText] = useState('');
  useEffect(() => onTokenWanted((isWanted, wasRefused) => setWanted(isWanted ? { wasRefused } : null)), []);
  if (!wanted) return null;
  const submit = () => {
    setText('');
    giveToken(text.trim());
  };
  return html`<${Dialog} title="Admin token" onSubmit=${submit}>
    <p>${wanted.wasRefused ? 'That was not the token.' : 'This broker asks for its admin token.'} It is in the file that
      ${' '}<code>admin.token_file</code> names, and is kept in this tab only.</p>
    <${Field} label="Token"><input type="password" required autofocus autocomplete="off" value=${text}
      onInput=${event => setText(event.target.value)} /><//>
    <div class="actions"><button class="primary">Continue</button></div>
  <//>`;
}

render(html`<${App} />`, document.getElementById('app'));
startHistory();
