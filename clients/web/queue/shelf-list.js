// A queue in the page: an entry for each message.

import { element } from '../kit/dom.js';

export class ShelfList {
  entries = new Map();

  /** `details(entry)` makes what stands behind the title. */
  constructor(place, details) {
    Object.assign(this, { place, details });
  }

  /** An entry that is there already stays as it is, so that it keeps the focus. */
  show(entries) {
    const shown = new Map();
    for (const entry of entries) {
      // A job may be there twice, and what comes from elsewhere has no name.
      let key = entry.headers.job ?? '';
      while (shown.has(key)) key += ' again';
      shown.set(key, this.entries.get(key) ?? this.make(entry));
    }
    for (const [key, made] of this.entries) {
      if (!shown.has(key)) made.remove();
    }
    this.entries = shown;
    [...shown.values()].forEach((made, index) => {
      const there = this.place.children[index];
      if (there !== made) this.place.insertBefore(made, there ?? null);
    });
  }

  make(entry) {
    const title = entry.job?.title ?? 'Not a job of this page';
    return element('li', {}, element('span', { class: 'title' }, title), ...this.details(entry));
  }
}
