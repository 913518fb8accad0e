// How long to wait.

export const connectWithin = 15_000; // ms from asking for a token to hotsock.connected
const grace = 1_000; // ms, for what has arrived when time is up
const firstDelay = 1_000; // ms; the longest wait before the first reconnect
export const longestDelay = 30_000; // ms

export const someDelay = (failures) => Math.random() * Math.min(longestDelay, firstDelay * 2 ** failures);

// Calls late when nothing has been heard for that long. After the page was
// frozen, timers may fire before what has arrived is read: hence the grace.
export function watchdog(ms, late) {
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => (timer = setTimeout(late, grace)), ms);
  };
  heard();
  return { heard, stop: () => clearTimeout(timer) };
}

// Rejects if a promise takes longer than an attempt to connect may.
export function inTime(promise) {
  return new Promise((resolve, reject) => {
    const patience = watchdog(connectWithin, () => reject(new Error("Nothing came in time.")));
    promise.then(resolve, reject).finally(patience.stop);
  });
}
