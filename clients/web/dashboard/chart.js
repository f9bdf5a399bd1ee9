// A chart of one metric, with a line for each source, by uPlot.

import uPlot from '../vendor/uplot/uPlot.esm.js';

/** A chart, to be put in the page as `element`. `metric` is its name with the unit behind it: "memory (%)". */
export class Chart {
  constructor(metric) {
    const [, title, unit] = /^(.*?)\s*(?:\(([^)]*)\))?$/.exec(metric);
    this.title = title;
    this.unit = unit ?? '';
    this.element = document.createElement('section');
    this.element.className = 'card chart';
    this.element.setAttribute('aria-label', title);
    const header = document.createElement('header');
    const heading = document.createElement('h2');
    heading.textContent = title;
    if (unit) heading.append(Object.assign(document.createElement('small'), { textContent: ` ${unit}` }));
    this.keys = Object.assign(document.createElement('div'), { className: 'keys' });
    header.append(heading, this.keys);
    this.place = Object.assign(document.createElement('div'), { className: 'plot' });
    this.place.setAttribute('role', 'img');
    this.element.append(header, this.place);
    this.resized = new ResizeObserver(() => this.plot?.setSize(sizeOf(this.place)));
    this.resized.observe(this.place);
  }

  /** Draws the lines of these sources over the last so many seconds. */
  draw(lines, sources, windowSecs) {
    const shown = sources.filter(({ name }) => lines.bySource.has(name));
    const key = shown.map(({ name, colour }) => `${colour} ${name}`).join('\n');
    if (key !== this.key) this.build(shown, key);
    this.windowSecs = windowSecs;
    const texts = shown.map(({ name }) => format(lines.last(name)));
    shown.forEach((_, index) => { this.values[index].textContent = texts[index]; });
    const now = shown.map(({ name }, index) => `${name} ${texts[index]}`).join(', ');
    this.place.setAttribute('aria-label', `${this.title} ${this.unit}, now ${now}`);
    this.plot.setData(uPlot.join(shown.map(({ name }) => lines.bySource.get(name))));
  }

  /** Other sources or other colours need another plot. */
  build(shown, key) {
    this.key = key;
    this.values = shown.map(() => document.createElement('b'));
    this.keys.replaceChildren(...shown.map(({ name, colour }, index) => {
      const entry = Object.assign(document.createElement('span'), { className: `series-${colour}` });
      const label = Object.assign(document.createElement('em'), { textContent: name });
      entry.append(document.createElement('i'), label, this.values[index]);
      return entry;
    }));
    this.plot?.destroy();
    this.plot = new uPlot(this.options(shown), [[], ...shown.map(() => [])], this.place);
  }

  options(shown) {
    const colour = name => resolve(this.place, `var(--${name})`);
    const font = `11px ${getComputedStyle(this.place).fontFamily}`;
    const axis = { stroke: colour('muted'), font, grid: { stroke: colour('line'), width: 1 }, ticks: { show: false } };
    const range = () => [Date.now() / 1000 - this.windowSecs, Date.now() / 1000];
    return {
      ...sizeOf(this.place),
      legend: { show: false },
      cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
      scales: { x: { range }, y: { range: fromZero } },
      axes: [
        { ...axis, grid: { show: false }, size: 26, space: 70, values: (_, times) => times.map(clock) },
        { ...axis, size: 52, values: (_, values) => values.map(format) },
      ],
      series: [{}, ...shown.map(source => ({ stroke: colour(`series-${source.colour}`), width: 1.75, points: { show: false } }))],
    };
  }

  /** Has the next `draw` make it anew: the colours have changed. */
  recolour() {
    this.key = null;
  }

  remove() {
    this.resized.disconnect();
    this.plot?.destroy();
    this.element.remove();
  }
}

const sizeOf = element => ({ width: Math.max(120, element.clientWidth - 16), height: Math.max(80, element.clientHeight - 6) });
const fromZero = (_, __, max) => [0, max > 0 ? max * 1.15 : 1];
const clock = secs => new Date(secs * 1000).toTimeString().slice(0, secs % 60 ? 8 : 5);

/** A number in no more than five signs, or a dash for none. */
function format(value) {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
  return value.toFixed(size >= 100 || Number.isInteger(value) ? 0 : size >= 1 ? 1 : 2);
}

/** A canvas knows no custom properties: has the browser say which colour it is now. */
function resolve(element, value) {
  const probe = document.createElement('i');
  probe.style.color = value;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
