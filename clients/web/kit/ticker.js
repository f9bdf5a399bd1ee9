// A clock that does not slow down. Browsers let the timers of a page that nobody looks at fire once a second or less;
// those of a worker go on. A page that produces something (frames, measurements) takes its time from here.

/** Calls `act` every so many milliseconds, until what this returns is called. */
export function every(milliseconds, act) {
  const worker = new Worker(new URL('./ticker-worker.js', import.meta.url));
  worker.onmessage = act;
  worker.postMessage(milliseconds);
  return () => worker.terminate();
}
