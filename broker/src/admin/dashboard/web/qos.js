// A level of delivery, to be chosen.

import { html } from './preact.js';
import { Field } from './parts.js';

export const Qos = ({ value, onChange }) => html`<${Field} label="QoS">
  <select value=${String(value)} onChange=${event => onChange(Number(event.target.value))}>
    <option value="0">0, at most once</option><option value="1">1, at least once</option>
    <option value="2">2, exactly once</option></select><//>`;
