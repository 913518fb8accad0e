// Why a client may or may not do something, as the server decides it.

import { post } from "./api.js";
import { byId, el, fillIn, onSubmit } from "./dom.js";
import { visible } from "./json.js";
import { showTab } from "./tabs.js";
import { payloadOf, valueText } from "./claims.js";
import { here, instantOf, offerZones } from "./times.js";

const form = byId("explain-form");

export function setUpExplain({ connection, current, tokens }) {
  const action = byId("explain-action");
  const arrange = () => {
    for (const part of form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(action.value);
    if (action.value === "umdUpdate" || action.value === "refresh") byId("explain-more").open = true;
  };
  action.addEventListener("change", arrange);
  arrange();
  offerZones(byId("explain-zone"));

  async function ask(fields) {
    const problem = form.querySelector(".problem");
    problem.textContent = "";
    try {
      const visibleFields = Object.fromEntries(Object.entries(fields).filter(([name]) => form.elements[name].checkVisibility()));
      const body = question(visibleFields);
      if (connection.state === "open") body.connectionId = connection.id;
      showExplanation(await post("explain", body));
    } catch (error) {
      byId("explanation").replaceChildren();
      problem.textContent = visible(error.message);
    }
  }
  onSubmit(form, ask);

  document.addEventListener("tab", ({ detail }) => {
    const token = byId("explain-token");
    if (detail === "explain" && !token.value) fillIn(token, current.token);
  });

  /** Fills the form in with a question and asks it. */
  return (asked) => {
    showTab("explain", true);
    action.value = asked.action;
    arrange();
    for (const name of ["channel", "event", "key", "method", "at"]) form.elements[name].value = asked[name] ?? "";
    form.elements.zone.value = asked.zone ?? here;
    if (asked.reaction) form.elements.reaction.value = asked.reaction;
    fillIn(form.elements.token, current.token);
    const command = asked.command ?? tokens.get(asked.channel) ?? "";
    fillIn(form.elements.command, command);
    byId("explain-more").open = command !== "";
    if (["react", "update", "delete", "stop"].includes(asked.action) && !asked.event) {
      byId("explanation").replaceChildren();
      form.elements.event.focus(); // that of the message
      return;
    }
    form.requestSubmit();
  };
}

/** The request for the fields of the form. */
function question({ action, token = "", command = "", at, zone, ...rest }) {
  const body = { action, ...rest };
  if (at) body.at = instantOf(at, zone).toISOString();
  Object.assign(body, credential(token, "token", "claims"), credential(command, "commandToken", "commandClaims"));
  return body;
}

/** A token, or claims that were typed in. */
function credential(text, token, claims) {
  const trimmed = text.trim();
  if (!trimmed) return {};
  return trimmed.startsWith("{") ? { [claims]: JSON.parse(trimmed) } : { [token]: trimmed };
}

function showExplanation(e) {
  const verdict = !e.allowed ? "No" : e.needsSubscription ? "Yes, while subscribed" : "Yes";
  const head = el("p", { className: "verdict " + (e.allowed ? "good" : "bad") }, verdict);
  if (e.code) head.append(" ", el("code", { textContent: e.code }));
  const parts = [head, el("p", { className: "reason", textContent: visible(e.reason) })];
  if (e.hook) parts.push(el("p", {}, "The app is asked, too: ", el("code", { textContent: e.hook }), "."));
  if (e.channel && e.channel !== form.elements.channel.value) parts.push(el("p", {}, "The channel is ", el("code", { textContent: visible(e.channel) }), "."));
  if (!e.allowed && /expired at/.test(e.reason)) {
    const anyway = el("button", { type: "button", textContent: "Explain its claims all the same" });
    anyway.addEventListener("click", () => {
      fillIn(form.elements.token, payloadOf(form.elements.token.value) || form.elements.token.value);
      form.requestSubmit();
    });
    parts.push(el("div", { className: "row" }, anyway));
  }
  for (const claim of e.claims) parts.push(claimPart(claim));
  byId("explanation").replaceChildren(...parts);
}

function claimPart({ name, value, keys }) {
  const rows = keys.map((key) => {
    const row = el("li", { className: key.counts ? "counts" : "" }, el("code", { textContent: visible(key.text) }));
    row.append(el("span", { className: "says", textContent: key.value === undefined ? "says nothing" : visible(valueText(name, key.value)) }));
    if (key.counts) row.append(el("span", { className: "chip allow", textContent: "counts" }));
    return row;
  });
  if (!rows.length) rows.push(el("li", { textContent: "no key matches" }));
  const shown = value === null ? "not said" : visible(valueText(name, value));
  return el("div", { className: "explained" }, el("h2", {}, el("code", { textContent: name }), ": " + shown), el("ul", { className: "keys" }, ...rows));
}
