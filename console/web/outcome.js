// What became of a request: in the place for it of the part that made it, with its age.

import { button, el } from "./dom.js";
import { visible } from "./json.js";
import { age } from "./times.js";

const newsFor = 60_000; // ms after which a result is no news any more

/** Shows an outcome in a part's place for it; without a text, none. */
export function show(part, ok, text, ...more) {
  const place = part.querySelector(".outcome");
  place.className = "outcome " + (ok ? "good" : "bad");
  if (text) place.replaceChildren(el("span", { textContent: visible(text) }), ...more, age(new Date()));
  else place.replaceChildren();
}

/** Shows why a request failed. */
export function showError(part, error, ...more) {
  show(part, false, `${error.code ?? "ERROR"}: ${error.message}`, ...more);
}

// A result is not of what the form says by now.
document.addEventListener("input", ({ target }) => target.form?.querySelector(".outcome")?.classList.add("old"));
setInterval(() => {
  for (const node of document.querySelectorAll(".outcome:not(.old) > .age")) {
    if (Date.now() - new Date(node.dateTime) > newsFor) node.parentElement.classList.add("old");
  }
}, 5_000);

/**
 * Carries out a request and shows what became of it. If it was refused for want
 * of permission, question says what to ask Explain.
 */
export async function attempt(part, request, explain, question) {
  const place = part.querySelector(".outcome");
  place.className = "outcome old";
  place.replaceChildren(el("span", { textContent: "…", ariaLabel: "Waiting", role: "img" }));
  try {
    return await request();
  } catch (error) {
    const why = question && /DENIED|NOT_SUBSCRIBED|INVALID_SUBSCRIBE|USER_ID|UNAUTHORIZED/.test(error.code ?? "");
    showError(part, error, ...(why ? [button("Why?", () => explain(question), "Explain why")] : []));
    return undefined;
  }
}

/** Carries out a request that nobody asked for, and shows only why it failed. */
export async function quietly(part, request) {
  const failed = part.querySelector(".outcome.bad");
  try {
    const answer = await request();
    failed?.replaceChildren();
    return answer;
  } catch (error) {
    showError(part, error);
    return undefined;
  }
}

/**
 * Returns what carries out the requests of a part, by attempt or quietly. Of several
 * at once only the last one's answer counts, and none that nobody asked for takes the
 * place of one that somebody did.
 */
export function inTurn(part) {
  let turn = 0;
  let asked = 0;
  return async (how, request) => {
    if (how === quietly && asked > 0) return undefined;
    const mine = ++turn;
    if (how === attempt) asked++;
    try {
      const answer = await how(part, request);
      return mine === turn ? answer : undefined;
    } finally {
      if (how === attempt) asked--;
    }
  };
}

/** Checks that a field is empty or JSON, and says so beside it if it is not. */
export function checkJSON(field, problem) {
  const place = field.form.querySelector(".problem");
  const text = problem(field.value);
  place.textContent = field.value.trim() && text ? "This is not JSON: " + text : "";
  field.ariaInvalid = String(place.textContent !== "");
  return place.textContent === "";
}
