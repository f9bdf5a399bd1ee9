// Who this tab is.

const NAMES = [
  'Ada', 'Basil', 'Clara', 'Dario', 'Edda', 'Felix', 'Greta', 'Hugo', 'Ines', 'Jonas', 'Kaya', 'Linus', 'Mira', 'Nils', 'Olga',
  'Pablo', 'Romy', 'Silas', 'Tilda', 'Uma', 'Vera', 'Wanda', 'Yann', 'Zoe',
];

/** How many colours the style sheet has for people: `.person-0` and so on. */
const COLOURS = 8;

/** A new identifier: 12 signs, drawn by chance. (`crypto.randomUUID` is for pages by https only.) */
export const newId = () =>
  [...crypto.getRandomValues(new Uint8Array(6))].map(byte => byte.toString(16).padStart(2, '0')).join('');

/**
 * Who this tab is in an example: `{ id, name }`. It stays the same when the page is loaded again. A tab that was duplicated has
 * its twin's storage, and becomes somebody else.
 */
export async function whoIAm(example) {
  const key = `tidewire-${example}`;
  const stored = JSON.parse(sessionStorage.getItem(key) ?? 'null');
  const isFree = stored && await reserve(`${key}-${stored.id}`);
  const self = isFree ? stored : { id: newId(), name: NAMES[Math.floor(Math.random() * NAMES.length)] };
  if (!isFree) {
    await reserve(`${key}-${self.id}`);
    remember(example, self);
  }
  return self;
}

/** Keeps who this tab is, say after a change of name. */
export const remember = (example, self) => sessionStorage.setItem(`tidewire-${example}`, JSON.stringify(self));

/**
 * Takes a name that no other tab of this browser has, until this one is gone. Where a browser has no locks, which is so for
 * pages by plain http from another machine, the broker settles it: see `SESSION_TAKEN_OVER` in mqtt.js.
 */
export function reserve(name) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise(resolve => {
    navigator.locks.request(name, { ifAvailable: true }, lock => {
      resolve(lock !== null);
      // Held until the page goes.
      return lock && new Promise(() => {});
    });
  });
}

/** The class that gives somebody a colour, always the same one. */
export const colourOf = id => `person-${[...id].reduce((sum, sign) => (sum * 31 + sign.codePointAt(0)) % 9973, 7) % COLOURS}`;
