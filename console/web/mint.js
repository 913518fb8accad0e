// Making tokens: the claims that the form stands for, and the token for claims.

import { post, Refusal } from "./api.js";
import { byId } from "./dom.js";
import { jsonProblem } from "./json.js";

const secondsFromNow = (seconds) => Math.floor(Date.now() / 1000) + seconds;

const kinds = {
  all: (until) => ({
    calls: { "*": true },
    channels: {
      "*": {
        subscribe: true,
        getInfo: true,
        historyStart: 0,
        messages: { "*": { publish: true, echo: true, store: 3600, react: true, update: true, delete: true, stop: true, scheduleBefore: until } },
        storage: { "*": { get: true, set: true, observe: true, scheduleBefore: until } },
        calls: { "*": true },
      },
    },
  }),
  read: () => ({ channels: { "*": { subscribe: true, getInfo: true, historyStart: 0, storage: { "*": { get: true, observe: true } } } } }),
  connect: () => ({}),
};

/** A token that the app makes for these claims. */
export async function makeToken(claims) {
  return (await post("token", { claims })).token;
}

/** A token with which the connection with that id may change its metadata, for a minute. */
export function makeUmdToken(connectionId, umd, channel) {
  const where = channel ? { channels: { [channel]: { umdUpdate: true } } } : { umdUpdate: true, umdPropagate: true };
  return makeToken({ scope: "umd", exp: secondsFromNow(60), connectionId, umd, ...where });
}

/** Keeps the claims as the fields above them say. Returns what makes the token. */
export function setUpClaims() {
  const { uid, kind, life, claims } = byId("mint-form").elements;

  function write() {
    const own = kind.value === "own";
    uid.disabled = life.disabled = own; // the claims have them
    if (own) return;
    const chosen = kinds[kind.value](secondsFromNow(86_400));
    const who = uid.value ? { uid: uid.value } : {};
    claims.value = JSON.stringify({ scope: "connect", exp: secondsFromNow(Number(life.value)), ...who, ...chosen }, null, 2);
  }
  uid.addEventListener("input", write);
  life.addEventListener("change", write);
  kind.addEventListener("change", () => {
    write();
    if (kind.value !== "own") return;
    byId("mint-more").open = true;
    claims.focus();
  });
  claims.addEventListener("input", () => {
    kind.value = "own";
    write();
  });
  write();

  return async () => {
    write(); // from now on
    const wrong = jsonProblem(claims.value);
    if (wrong) throw new Refusal({ message: "This is not JSON: " + wrong });
    return makeToken(JSON.parse(claims.value));
  };
}
