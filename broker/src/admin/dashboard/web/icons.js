// Drawings beside the names of views.

import { html } from './preact.js';

const PATHS = {
  overview: 'M3 17l5-6 4 3 5-8 4 5',
  clients: 'M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 21c0-4 3.5-6.5 8-6.5s8 2.5 8 6.5',
  topics: 'M6 4v13a2 2 0 0 0 2 2h3M6 10h5M14 10h6M14 19h6M4 4h6',
  queues: 'M4 6h16M4 12h16M4 18h10',
  console: 'M4 5h16v14H4zM8 10l3 2.5L8 15M13 15h4',
  trace: 'M3 12h4l3-8 4 16 3-8h4',
};

export const Icon = ({ name }) => html`
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"
    stroke-linejoin="round" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
