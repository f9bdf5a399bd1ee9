// What is asked for again and again, as long as somebody looks.

import { useCallback, useEffect, useRef, useState } from './preact.js';

/**
 * What `load(signal)` gives, anew every `interval` milliseconds and whenever one of `inputs` changes: `{ value, error,
 * reload }`. The last value stays while the next one is on its way, or does not come.
 */
export function usePolled(load, interval, inputs) {
  const [state, setState] = useState({ value: null, error: null });
  const latest = useRef(load);
  latest.current = load;
  const again = useRef(() => {});
  useEffect(() => {
    const abort = new AbortController();
    let timer = null;
    const run = async () => {
      clearTimeout(timer);
      try {
        const value = await latest.current(abort.signal);
        if (!abort.signal.aborted) setState({ value, error: null });
      } catch (error) {
        if (!abort.signal.aborted) setState(({ value }) => ({ value, error }));
        // What has gone comes back seldom; somebody may ask again.
        if (error.status === 404) return;
      }
      if (!abort.signal.aborted) timer = setTimeout(whenVisible, interval);
    };
    const whenVisible = () => (document.hidden ? document.addEventListener('visibilitychange', run, { once: true }) : run());
    again.current = run;
    run();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', run);
    };
  }, [interval, ...inputs]);
  return { ...state, reload: useCallback(() => again.current(), []) };
}

/** A value that follows another once that has rested: what somebody is still typing is not asked for. */
export function useSettled(value, delay = 250) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), delay);
    return () => clearTimeout(timer);
  }, [value, delay]);
  return settled;
}
