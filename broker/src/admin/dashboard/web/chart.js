// A line chart of the last minutes. It has its size from the start, so that nothing moves when data comes.

import { html, useEffect, useRef } from './preact.js';
import uPlot from './vendor/uplot/uPlot.esm.js';

const WINDOW_SECS = 300;

/**
 * Each series has `name`, and `of(sample)`, its value or null; `format` writes values, `kind` says of what the axis is:
 * 'bytes' has its marks at powers of two.
 */
export function Chart({ title, samples, series, format, kind }) {
  const place = useRef(null);
  const plot = useRef(null);
  const last = samples.at(-1);
  const data = useRef(null);
  data.current = [samples.map(sample => sample.at), ...series.map(({ of }) => samples.map(sample => of(sample) ?? null))];

  useEffect(() => {
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(place.current, series, format, kind), data.current, place.current);
    };
    draw();
    const resized = new ResizeObserver(() => plot.current.setSize(sizeOf(place.current)));
    resized.observe(place.current);
    const stop = onColours(draw);
    return () => {
      stop();
      resized.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current?.setData(data.current), [samples]);

  const now = series.map(({ name, of }) => `${name} ${last ? format(of(last)) : '–'}`).join(', ');
  return html`<section class="card chart" aria-label=${title}>
    <header><h2>${title}</h2><div class="keys">${series.map(({ name, of }, index) => html`
      <span class=${`series-${index + 1}`}><i></i>${name} <b>${last ? format(of(last)) : '–'}</b></span>`)}</div></header>
    <div class="plot" ref=${place} role="img" aria-label=${`${title} of the last five minutes; now ${now}`}></div>
  </section>`;
}

const sizeOf = element => ({ width: Math.max(120, element.clientWidth - 16), height: element.clientHeight - 6 });

function options(element, series, format, kind) {
  const colour = name => resolve(element, `var(--${name})`);
  const [line, muted] = [colour('line'), colour('muted')];
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const axis = { stroke: muted, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    ...sizeOf(element),
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: { x: { range: () => [Date.now() / 1000 - WINDOW_SECS, Date.now() / 1000] }, y: { range: fromZero } },
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 70, values: (_, times) => times.map(clock) },
      { ...axis, size: 66, values: (_, values) => values.map(format), ...(kind === 'bytes' && { incrs: POWERS }) },
    ],
    series: [{}, ...series.map((_, index) => {
      const stroke = colour(index ? 'second' : 'accent');
      return { stroke, width: 1.75, fill: index ? undefined : faint(stroke), points: { show: false } };
    })],
  };
}

const POWERS = Array.from({ length: 45 }, (_, power) => 2 ** power);
const fromZero = (_, __, max) => [0, max > 0 ? max * 1.15 : 1];
const clock = secs => new Date(secs * 1000).toTimeString().slice(0, 5);
const faint = colour => colour.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.1)');

/** A canvas knows no custom properties: has the browser say which colour it is now. */
function resolve(element, value) {
  const probe = document.createElement('i');
  probe.style.color = value;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Calls `draw` whenever other colours are chosen. */
function onColours(draw) {
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const chosen = new MutationObserver(draw);
  scheme.addEventListener('change', draw);
  chosen.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  return () => {
    scheme.removeEventListener('change', draw);
    chosen.disconnect();
  };
}
