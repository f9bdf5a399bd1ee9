// What every view is made of.

import { html, useEffect, useRef, useState } from './preact.js';

/** Something small that stands out. */
export const Badge = ({ kind = '', children }) => html`<span class=${`badge ${kind}`}>${children}</span>`;

/** An empty list says why, and what would fill it. */
export const Empty = ({ title, children }) => html`<div class="empty"><strong>${title}</strong>${children}</div>`;

/** A message: of kind 'good', 'warning' or 'danger'. */
export const Note = ({ kind, children, actions }) => html`
  <div class=${`note ${kind}`}><div>${children}</div>${actions && html`<div class="actions">${actions}</div>`}</div>`;

/** What went wrong with something that was asked for. */
export const Failure = ({ error, retry }) => error && html`
  <div role="alert"><${Note} kind="danger" actions=${retry && html`<button onClick=${retry}>Try again</button>`}>
    ${error.message}
  <//></div>`;

export const Field = ({ label, hint, wide, children }) => html`
  <label class=${`field ${wide ? 'wide' : ''}`}><span>${label}</span>${children}${hint && html`<small>${hint}</small>`}</label>`;

export const Check = ({ label, checked, onChange }) => html`
  <label class="check"><input type="checkbox" checked=${checked} onChange=${event => onChange(event.target.checked)} />
    ${label}</label>`;

/** One of a few, of `[value, name]` each. */
export const Choice = ({ label, value, options, onChange }) => html`
  <div class="choice" role="group" aria-label=${label}>
    ${options.map(([option, name]) => html`
      <button type="button" aria-pressed=${String(option === value)} onClick=${() => onChange(option)}>${name}</button>`)}
  </div>`;

export const Card = ({ title, actions, children }) => html`
  <section class="card" aria-label=${title}>
    <header><h2>${title}</h2>${actions && html`<div class="actions">${actions}</div>`}</header>${children}
  </section>`;

/** Names and what belongs to them, of `[name, value]` each; what is not there is left out. */
export const Facts = ({ of }) => html`
  <dl class="facts">
    ${of.filter(([, value]) => value !== undefined && value !== null && value !== '').map(([name, value]) => html`
      <div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;

/** A dialog over the page, as long as it is drawn; Escape closes it where `onClose` is given. */
export function Dialog({ title, onClose, onSubmit, children }) {
  const dialog = useRef(null);
  useEffect(() => dialog.current.showModal(), []);
  const cancel = event => {
    event.preventDefault();
    onClose?.();
  };
  const submit = event => {
    event.preventDefault();
    onSubmit();
  };
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" onCancel=${cancel}>
    <form onSubmit=${submit}><h2 id="dialog-title">${title}</h2>${children}</form>
  </dialog>`;
}

/** Asks before something is done that cannot be undone. `act` does it, and may fail. */
export function Confirm({ title, action, act, onClose, children }) {
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async () => {
    setBusy(true);
    setError(null);
    try {
      await act();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${onClose} onSubmit=${submit}>
    <div class="stack">${children}</div>
    <${Failure} error=${error} />
    <div class="actions">
      <button type="button" onClick=${onClose} autofocus>Cancel</button>
      <button class="danger" disabled=${isBusy}>${action}</button>
    </div>
  <//>`;
}
