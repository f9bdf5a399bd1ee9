// Numbers, sizes, times and payloads as people read them.

const NUMBER = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DATE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const UNKNOWN = '–';

const isNumber = value => typeof value === 'number' && Number.isFinite(value);

/** 12,345 */
export const number = value => (isNumber(value) ? NUMBER.format(value) : UNKNOWN);

/** 12.3K */
export const short = value => (isNumber(value) ? SHORT.format(value) : UNKNOWN);

/** 1.5 MiB */
export function bytes(value) {
  if (!isNumber(value)) return UNKNOWN;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let power = 0;
  let rest = value;
  while (rest >= 1024 && power < units.length - 1) {
    rest /= 1024;
    power += 1;
  }
  return `${rest >= 100 || power === 0 ? Math.round(rest) : rest.toFixed(1)} ${units[power]}`;
}

/** 3 d 4 h, of seconds. */
export function duration(seconds) {
  if (!isNumber(seconds)) return UNKNOWN;
  const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return seconds > 0 ? `${Math.round(seconds * 1000)} ms` : '0 s';
  let rest = Math.floor(seconds);
  return units.slice(first, first + 2).map(([name, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count ? `${count} ${name}` : '';
  }).filter(Boolean).join(' ');
}

/** A point in time as the API writes it: seconds since 1970, or RFC 3339. */
export function moment(value) {
  if (value === null || value === undefined) return null;
  const date = new Date(isNumber(value) ? value * 1000 : value);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** 28 Nov 2026, 10:25:49 */
export const dateTime = value => (moment(value) ? DATE.format(moment(value)) : UNKNOWN);

/** 10:25:49 */
export const time = date => TIME.format(date);

/** How long ago. */
export function ago(value) {
  const date = moment(value);
  return date ? `${duration(Math.max(0, (Date.now() - date.getTime()) / 1000))} ago` : UNKNOWN;
}

/** In how long. */
export function until(value) {
  const date = moment(value);
  return date ? `in ${duration(Math.max(0, (date.getTime() - Date.now()) / 1000))}` : UNKNOWN;
}

/** "1 client", "2 clients". */
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

/** The bytes behind base64. */
export const fromBase64 = text => Uint8Array.from(atob(text ?? ''), sign => sign.charCodeAt(0));

/** How a payload is best read: 'json', 'text' or 'hex'. */
export function kindOf(payload) {
  const text = asText(payload);
  if (text === null) return 'hex';
  return /^\s*[[{]/.test(text) && asJson(text) !== null ? 'json' : 'text';
}

/** A payload in one of these ways; null if it is none of that. */
export function shown(payload, kind) {
  if (kind === 'hex') return hex(payload);
  const text = asText(payload);
  return kind === 'json' && text !== null ? asJson(text) : text;
}

/** Its UTF-8, if it is that and no control characters are in it. */
function asText(payload) {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(payload);
    return /[\0-\x08\x0e-\x1f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

function asJson(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

/** As hex dumps are written: 16 bytes in a line, and their signs beside them. */
function hex(payload) {
  const lines = [];
  for (let at = 0; at < payload.length; at += 16) {
    const row = [...payload.subarray(at, at + 16)];
    const digits = row.map(byte => byte.toString(16).padStart(2, '0')).join(' ');
    const signs = row.map(byte => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${digits.padEnd(47)}  ${signs}`);
  }
  return lines.join('\n');
}
