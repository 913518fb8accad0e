// What became of a request, below its form.

import { button, el } from "./dom.js";
import { visible } from "./json.js";

/** Shows an outcome in the form's place for it. */
export function show(form, ok, text, ...more) {
  const place = form.querySelector(".outcome");
  place.className = "outcome " + (ok ? "good" : "bad");
  place.replaceChildren(el("span", { textContent: visible(text) }), ...more);
}

/**
 * Carries out a request and shows what became of it. If it was refused for want
 * of permission, question says what to ask Explain.
 */
export async function attempt(form, request, explain, question) {
  show(form, true, "…");
  try {
    return await request();
  } catch (error) {
    const why = question && /DENIED|NOT_SUBSCRIBED|INVALID_SUBSCRIBE|USER_ID|UNAUTHORIZED/.test(error.code ?? "");
    show(form, false, `${error.code ?? "ERROR"}: ${error.message}`, ...(why ? [button("Why?", () => explain(question), "Explain why")] : []));
    return undefined;
  }
}

/** Checks that a field is empty or JSON, and says so beside it if it is not. */
export function checkJSON(field, problem) {
  const place = field.form.querySelector(".problem");
  const text = problem(field.value);
  place.textContent = field.value.trim() && text ? "This is not JSON: " + text : "";
  field.ariaInvalid = String(place.textContent !== "");
  return place.textContent === "";
}
