// A client of either protocol, to publish and subscribe by hand.

import { html, useEffect, useRef, useState } from './preact.js';
import { Messages } from './messages.js';
import { Badge, Card, Choice, Failure, Field, Note } from './parts.js';
import { Publish } from './publish.js';
import { Qos } from './qos.js';
import { connect } from './speakers.js';

const PROTOCOLS = [['mqtt5', 'MQTT 5'], ['mqtt311', 'MQTT 3.1.1'], ['stomp12', 'STOMP 1.2']];

/** Messages that are kept; older ones go. */
const MESSAGES_MAX = 500;

export function Console() {
  const [protocol, setProtocol] = useState('mqtt5');
  const [clientId, setClientId] = useState('');
  const { state, reason, name, speaker, messages, clear, open, close } = useSpeaker();
  const isStomp = protocol === 'stomp12';
  const isOpen = state === 'open';
  return html`
    <div class="heading"><h1>Console</h1>
      ${isOpen ? html`<${Badge} kind="good">connected as ${name}<//>` : html`<${Badge}>${state === 'opening'
        ? 'connecting' : 'not connected'}<//>`}</div>
    <div role="status">${reason && html`<${Note} kind="danger">${reason}<//>`}</div>
    <${Card} title="Connection"><form class="body form" onSubmit=${event => {
      event.preventDefault();
      if (isOpen) close();
      else open(protocol, clientId.trim());
    }}>
      <fieldset class="field" disabled=${state !== 'closed'}><legend>Protocol</legend>
        <${Choice} label="Protocol" value=${protocol} options=${PROTOCOLS} onChange=${setProtocol} /></fieldset>
      <${Field} label="Client identifier"><input placeholder="chosen for you" value=${clientId} disabled=${state !== 'closed'}
        onInput=${event => setClientId(event.target.value)} /><//>
      <div><button class=${isOpen ? '' : 'primary'} disabled=${state === 'opening'}>
        ${isOpen ? 'Disconnect' : 'Connect'}</button></div>
    </form><//>
    <div class="columns">
      <${Subscriptions} key=${`subscriptions-${name}`} speaker=${isOpen ? speaker : null} isStomp=${isStomp} />
      <${Publish} speaker=${isOpen ? speaker : null} isStomp=${isStomp} />
    </div>
    <${Messages} all=${messages} clear=${clear} />`;
}

/** One connection at a time, which ends with the view, and what has come by it, the newest first. */
function useSpeaker() {
  const [state, setState] = useState({ state: 'closed', reason: null, name: null, speaker: null });
  const [messages, setMessages] = useState([]);
  const current = useRef(null);
  const number = useRef(0);
  const open = (protocol, clientId) => {
    const own = {};
    // What an earlier connection still says is of no interest.
    const ifCurrent = act => (...given) => current.current === own && act(...given);
    setState({ state: 'opening', reason: null, name: null, speaker: null });
    current.current = own;
    own.speaker = connect(protocol, clientId, {
      open: ifCurrent(name => setState({ state: 'open', reason: null, name, speaker: own.speaker })),
      closed: ifCurrent(reason => {
        current.current = null;
        setState({ state: 'closed', reason: reason ?? 'The connection has ended.', name: null, speaker: null });
      }),
      message: ifCurrent(message => {
        number.current += 1;
        const received = { ...message, number: number.current, at: new Date() };
        setMessages(before => [received, ...before.slice(0, MESSAGES_MAX - 1)]);
      }),
    });
  };
  const close = () => {
    const own = current.current;
    current.current = null;
    own?.speaker.close();
    setState({ state: 'closed', reason: null, name: null, speaker: null });
  };
  useEffect(() => close, []);
  return { ...state, messages, clear: () => setMessages([]), open, close };
}

function Subscriptions({ speaker, isStomp }) {
  const [topic, setTopic] = useState('');
  const [qos, setQos] = useState(1);
  const [held, setHeld] = useState([]);
  const [error, setError] = useState(null);
  const attempt = async act => {
    setError(null);
    try {
      await act();
    } catch (failure) {
      setError(failure);
    }
  };
  const subscribe = event => {
    event.preventDefault();
    const wanted = topic.trim();
    if (held.some(one => one.topic === wanted)) return;
    attempt(async () => {
      const end = await speaker.subscribe(wanted, { qos });
      setHeld(before => [...before, { topic: wanted, qos, end }]);
      setTopic('');
    });
  };
  const drop = one => attempt(async () => {
    await one.end();
    setHeld(before => before.filter(other => other !== one));
  });
  return html`<${Card} title="Subscriptions"><form class="body stack" onSubmit=${subscribe}>
    <div class="form">
      <${Field} label=${isStomp ? 'Destination' : 'Topic filter'}><input required value=${topic}
        placeholder=${isStomp ? '/topic/a/+ or /queue/b' : 'a/+/b or a/#'} onInput=${event => setTopic(event.target.value)} /><//>
      ${!isStomp && html`<${Qos} value=${qos} onChange=${setQos} />`}
      <div><button disabled=${!speaker}>Subscribe</button></div>
    </div>
    <${Failure} error=${error} />
    ${held.length === 0 ? html`<p class="muted small">${speaker ? 'None yet.' : 'Connect first.'}</p>`
      : html`<ul class="chips" aria-label="Subscriptions">${held.map(one => html`
        <li key=${one.topic}><code>${one.topic}</code><button type="button" class="plain"
          aria-label=${`Unsubscribe ${one.topic}`} onClick=${() => drop(one)}>✕</button></li>`)}</ul>`}
  </form><//>`;
}
