// What ticker.js runs: a tick every so many milliseconds.

onmessage = ({ data }) => setInterval(() => postMessage(null), data);
