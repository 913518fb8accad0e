// What the app does itself: its HTTP API, with a key that was typed in.

import { Refusal } from "./api.js";
import { byId, onSubmit } from "./dom.js";
import { highlight, jsonProblem, visible, withTexts } from "./json.js";
import { attempt, show } from "./outcome.js";

const path = (...segments) => segments.map(encodeURIComponent).join("/");
const number = (text) => (text ? Number(text) : undefined);
// Of an entry: none is for no entry, and nothing for any.
const entryVersion = (text) => (text === "none" ? null : text || undefined);

/** A publish in somebody's name; data is JSON text. */
function publish(f, event, data, more) {
  const members = { channel: f.channel, event, ...more, uid: f.uid || undefined, excludeConnectionId: f.exclude || undefined };
  return { method: "POST", path: "publish", body: withTexts(members, { data, umd: f.umd }) };
}

const reaction = (f, action) => publish(f, "hotsock.messageReaction", JSON.stringify({ messageId: f.message, reaction: f.reaction, action }));
const entry = (f, event, more) => publish(f, event, f.data, { key: f.key, store: number(f.store), ...more });
const erase = (...segments) => ({ method: "DELETE", path: path("channels", ...segments) });
const told = (f) => ({ reason: f.reason || undefined, stayAway: f.stayAway });

// The fields of each action, those that must be filled in with a "!".
const actions = {
  publish: ["channel! event! data store uid umd exclude", (f) => publish(f, f.event, f.data, { store: number(f.store), eagerIdGeneration: true })],
  update: ["channel! message! data! version uid umd exclude", (f) => publish(f, "hotsock.messageUpdate", withTexts({ messageId: f.message, ifVersion: number(f.version) }, { data: f.data }))],
  delete: ["channel! message! uid umd exclude sure!", (f) => publish(f, "hotsock.messageDelete", JSON.stringify({ messageId: f.message }))],
  stop: ["channel! message!", (f) => publish(f, "hotsock.streamStop", JSON.stringify({ messageId: f.message }))],
  react: ["channel! message! reaction! uid! umd exclude", (f) => reaction(f, "add")],
  unreact: ["channel! message! reaction! uid! umd exclude", (f) => reaction(f, "remove")],
  set: ["channel! key! data! store version", (f) => entry(f, "hotsock.channelStorageSet", { ifVersion: entryVersion(f.version) })],
  add: ["channel! key! data! store", (f) => entry(f, "hotsock.channelStorageAdd")],
  subscribe: [
    "channel! connection uid claims",
    (f) => ({
      method: "POST",
      path: path("channels", f.channel, "subscriptions"),
      body: withTexts({ connectionId: f.connection || undefined, uid: f.uid || undefined }, { claims: f.claims }),
    }),
  ],
  unsubscribe: ["channel! uid! reason", (f) => ({ method: "DELETE", path: path("channels", f.channel, "users", f.uid), query: told(f) })],
  disconnect: ["connection! reason stayAway", (f) => ({ method: "DELETE", path: path("connections", f.connection), query: told(f) })],
  disconnectUser: ["uid! reason stayAway", (f) => ({ method: "DELETE", path: path("users", f.uid, "connections"), query: told(f) })],
  revoke: [
    "uid jti until sure!",
    (f) => ({
      method: "POST",
      path: "revocations",
      body: JSON.stringify({ uid: f.uid || undefined, jti: f.jti || undefined, until: f.until ? new Date(f.until).toISOString() : undefined }),
    }),
  ],
  eraseChannel: ["channel! sure!", (f) => erase(f.channel)],
  eraseUser: ["channel! uid! sure!", (f) => erase(f.channel, "users", f.uid, "messages")],
  eraseStorage: ["channel! prefix sure!", (f) => ({ ...erase(f.channel, "storage"), query: { prefix: f.prefix } })],
  erasures: ["", () => ({ method: "GET", path: "erasures" })],
};

/** Returns what fills in the fields of an action and shows it. */
export function setUpControl({ connection }) {
  const form = byId("app-form");
  const select = byId("app-action");
  const problem = form.querySelector(".problem");

  // What is not shown is not sent either.
  function arrange() {
    const fields = new Map(actions[select.value][0].split(" ").map((name) => [name.replace("!", ""), name.endsWith("!")]));
    for (const part of form.querySelectorAll("[data-field]")) {
      const input = part.querySelector("input, textarea");
      part.hidden = !fields.has(part.dataset.field);
      input.disabled = part.hidden;
      input.required = fields.get(part.dataset.field) ?? false;
    }
    const optional = byId("app-uid").labels[0].querySelector(".optional");
    optional.hidden = fields.get("uid") ?? false;
    optional.textContent = fields.has("connection") || fields.has("jti") ? "one of both" : "in whose name, optional";
    byId("app-version-hint").hidden = select.value !== "set";
  }
  const answer = form.querySelector(".answer");
  // What was said of one action is not said of another one.
  function choose() {
    arrange();
    problem.textContent = "";
    answer.replaceChildren();
    show(form, true, "");
  }
  select.addEventListener("change", choose);
  arrange();

  /** Whether what is to be JSON is; says so if it is not. */
  function checkTexts(fields) {
    problem.textContent = "";
    for (const name of ["data", "umd", "claims"]) {
      const wrong = fields[name]?.trim() && jsonProblem(fields[name]);
      if (!wrong) continue;
      const field = form.elements[name];
      problem.textContent = `${field.labels[0].firstChild.textContent.trim()}: this is not JSON: ${wrong}`;
      field.focus();
      return false;
    }
    return true;
  }

  onSubmit(form, async ({ apiKey, action, ...fields }) => {
    if (!checkTexts(fields)) return;
    answer.replaceChildren();
    const done = await attempt(form, () => send(connection, { key: apiKey.trim(), ...actions[action][1](fields) }));
    form.elements.sure.checked = false;
    if (!done) return;
    show(form, true, done.goesOn ? "It goes on." : "Done.");
    answer.append(highlight(done.text));
  });

  return (action, values) => {
    select.value = action;
    choose();
    for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
    if (!byId("app-key").value) byId("app-key").focus();
    else form.querySelector(".primary").focus();
  };
}

async function send(connection, request) {
  const { status, text } = await connection.request(request);
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Refusal({ code: status, message: "the answer is no JSON: " + visible(text.slice(0, 100)) });
  }
  if (parsed.error?.code === "NOT_FOUND") throw new Refusal({ code: "NOT_FOUND", message: "the app has no API keys, and so no such HTTP API" });
  if (parsed.error) throw new Refusal(parsed.error);
  return { goesOn: status.startsWith("202") && parsed.done === false, text };
}
