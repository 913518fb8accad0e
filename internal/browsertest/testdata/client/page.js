// What the tests of the client need at hand.
import * as hotsock from "./rt/client.js";

/** Collects what a client or channel says, as JSON can show it. */
function record(target, ...types) {
  const seen = [];
  for (const type of types) {
    target.on(type, (...args) => seen.push([type, ...args.map(plain)]));
  }
  return seen;
}

function plain(value) {
  if (value instanceof hotsock.HotsockError) return value.code;
  return value === undefined ? null : structuredClone(value);
}

/** The code of the error that a promise is rejected with, "" if it is not. */
const codeOf = (promise) => promise.then(() => "", (error) => error.code ?? String(error));

/** Resolves when the function returns something that counts as true. */
async function until(condition) {
  for (;;) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function all(iterator) {
  const list = [];
  for await (const item of iterator) list.push(item);
  return list;
}

Object.assign(globalThis, { hotsock, record, codeOf, until, all });
document.documentElement.dataset.ready = "";
