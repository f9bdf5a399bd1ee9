// What the Node drivers share: one JSON command per line comes in, one JSON event per line goes out.
//
//   command  {"do": "publish", "as": CONNECTION, ...}
//   event    {"event": "published", "as": CONNECTION, ...}
//
// Payloads and correlation data travel as base64. Standard output belongs to the events: what a library prints goes
// to standard error. The driver ends when its standard input does, so it cannot outlive the test that started it.

import { createInterface } from 'node:readline';

console.log = console.error;

export function emit(event, as, details = {}) {
  process.stdout.write(`${JSON.stringify({ event, as, ...details })}\n`);
}

/** Answers every command with the function of its name; what that throws becomes an "error" event. */
export function serve(commands) {
  const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
  lines.on('line', async line => {
    const command = JSON.parse(line);
    try {
      await commands[command.do](command);
    } catch (error) {
      emit('error', command.as, { message: String(error) });
    }
  });
  lines.on('close', () => process.exit(0));
}

export const toBase64 = bytes => Buffer.from(bytes).toString('base64');
export const fromBase64 = text => Buffer.from(text, 'base64');
