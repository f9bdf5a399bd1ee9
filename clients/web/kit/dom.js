// A few lines instead of a framework.

/** The one element that a selector names. */
export const find = selector => document.querySelector(selector);

/**
 * Makes an element: `element('li', { class: 'own', onclick: open }, 'Ann')`. What begins with `on` listens, `true` sets an
 * attribute without a value, `false` and `undefined` leave it out. Text is never taken for HTML.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined) made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return made;
}

/** Whether a number that somebody has sent is a time, in milliseconds since the epoch. */
export const isTime = at => Number.isInteger(at) && !Number.isNaN(new Date(at).getTime());

/** `14:03`, as the reader writes it. */
export const clock = at => new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

/** The page's links to other examples lead to the same broker. */
export function keepBroker() {
  const broker = new URLSearchParams(location.search).get('broker');
  if (!broker) return;
  for (const link of document.querySelectorAll('a[href]:not([href^="http"], [href^="#"])')) {
    const target = new URL(link.getAttribute('href'), location.href);
    target.searchParams.set('broker', broker);
    link.href = target.href;
  }
}
