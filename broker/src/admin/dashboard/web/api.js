// Asks the broker's API. Where it wants a token, the request waits until somebody has given one.

import { anotherToken, currentToken } from './token.js';

const API = '/api/v1';

/** Why a request was not done: in the broker's words, or because it could not be reached (status 0). */
export class ApiError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** What `GET path?parameters` answers; empty parameters are left out. */
export const get = (path, parameters, options) => ask('GET', path + query(parameters), undefined, options);
export const post = (path, body = {}) => ask('POST', path, body);
export const remove = (path, parameters) => ask('DELETE', path + query(parameters));

/** The text at a path that is not below /api/v1. */
export const getText = async path => (await request('GET', path)).text();

/** A name as a part of a path. */
export const part = name => encodeURIComponent(name);

function query(parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

async function ask(method, path, body, { signal } = {}) {
  const response = await request(method, API + path, body, signal);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

async function request(method, path, body, signal) {
  for (;;) {
    const token = currentToken();
    const headers = {};
    if (token !== null) headers.authorization = `Bearer ${token}`;
    if (method !== 'GET') headers['content-type'] = 'application/json';
    const options = { method, headers, signal, cache: 'no-store' };
    if (body !== undefined) options.body = JSON.stringify(body);
    const response = await fetch(path, options).catch(error => {
      if (error.name === 'AbortError') throw error;
      throw new ApiError(0, 'The broker does not answer.');
    });
    if (response.ok) return response;
    if (response.status !== 401) throw new ApiError(response.status, await reason(response));
    await anotherToken(token);
  }
}

async function reason(response) {
  const text = await response.text();
  try {
    return JSON.parse(text).error ?? text;
  } catch {
    return text || `The broker answers ${response.status}.`;
  }
}

/**
 * Hears a stream of events until it ends or `signal` aborts it: `hear(type, value)` for each. The browser's own EventSource
 * can send no token. (HTML Standard, "Server-sent events")
 */
export async function listen(path, parameters, signal, hear) {
  const response = await request('GET', API + path + query(parameters), undefined, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).replaceAll('\r\n', '\n').split('\n\n');
    rest = events.pop();
    for (const event of events) hearOne(event, hear);
  }
}

function hearOne(event, hear) {
  const field = name => event.split('\n').filter(line => line.startsWith(`${name}:`))
    .map(line => line.slice(name.length + 1).replace(/^ /, '')).join('\n');
  const data = field('data');
  if (data) hear(field('event') || 'message', JSON.parse(data));
}
