// Looking into a channel with the host's eyes.

import { get } from "./api.js";
import { button, byId, copyButton, el } from "./dom.js";
import { highlight, visible } from "./json.js";
import { fill, keepLive } from "./lists.js";
import { attempt, inTurn, quietly, show } from "./outcome.js";
import { entryItem } from "./storage.js";
import { moment } from "./times.js";

const soon = 1_000; // ms from an event on the channel to the next look
const pageLength = 100;

/**
 * Returns what looks into a channel: look shows it, and counted takes the count
 * of subscriptions that a client was told.
 */
export function setUpInside({ connection, react, edit }) {
  const section = byId("inside");
  const live = byId("inside-live");
  const counts = el("p", { id: "info-count" });
  const [members, storage, history] = ["ul", "ul", "ol"].map((tag) => el(tag, { className: "list" }));
  for (const list of [members, storage, history]) list.dataset.empty = "None.";
  const [membersTitle, storageTitle, historyTitle] = [el("h3"), el("h3"), el("h3")];
  const older = button("Older", () => look(name, oldest), "Older messages");
  byId("info").append(counts, membersTitle, members, storageTitle, storage, historyTitle, history, older);
  const ask = inTurn(section);
  let name = ""; // of the channel that is looked into
  let oldest = "";

  async function look(channel, before, how = attempt) {
    section.hidden = false;
    byId("inside-name").textContent = visible(channel);
    if (channel !== name) byId("info").hidden = true;
    name = channel;
    if (before) live.checked = false; // which has the newest only
    const answer = await ask(how, () => get("channel", { name, before }));
    if (!answer) return;
    if (how === attempt) show(section, true, "");
    byId("info").hidden = false;
    draw(answer);
  }

  function draw(answer) {
    counted(name, answer.subscriptionsCount);
    membersTitle.hidden = members.hidden = !name.startsWith("presence.");
    membersTitle.textContent = `Members (${answer.members.length})`;
    fill(members, answer.members, ({ uid }) => uid, memberItem);
    storageTitle.textContent = `Storage (${answer.storage.length === pageLength ? "the first 100" : answer.storage.length})`;
    fill(storage, answer.storage, ({ key }) => key, ({ key, data, by, version }) => entryItem({ key, data, version, meta: { uid: by.uid || null } }));
    const full = answer.messages.length === pageLength;
    historyTitle.textContent = `History (${full ? "100, the newest first" : answer.messages.length})`;
    fill(history, answer.messages, ({ id }) => `${name} ${id}`, messageItem);
    oldest = answer.messages.at(-1)?.id;
    older.hidden = !full;
  }

  function memberItem({ uid, umd }) {
    const item = el("li", {}, el("strong", { textContent: visible(uid) }));
    if (umd !== undefined) item.append(highlight(JSON.stringify(umd)));
    return item;
  }

  function messageItem(m) {
    const channel = name;
    const head = el("div", { className: "row spread" }, el("code", { textContent: visible(m.event) }));
    head.append(el("span", { className: "kind", textContent: "by " + visible(m.by ? m.by.uid || "a client without uid" : "the server") }));
    head.append(
      el(
        "span",
        { className: "row" },
        copyButton(JSON.stringify(m.data), `Copy the data of ${m.id}`),
        button("React …", () => react(channel, m.id), `React to ${m.id}`),
        button("Edit …", () => edit(channel, m), `Edit ${m.id}`),
      ),
    );
    const foot = el("div", { className: "kind" }, m.id);
    if (m.expires) foot.append(" · until ", moment(new Date(m.expires)));
    for (const [reaction, count] of Object.entries(m.reactions ?? {})) foot.append(` · ${visible(reaction)} ${count}`);
    if (m.version > 1) foot.append(` · version ${m.version} of ${moment(new Date(m.updated))}`);
    return el("li", {}, head, highlight(JSON.stringify(m.data)), foot, ...origin(m.origin));
  }

  /** Where a message came from, which only the app knows. */
  function origin({ trigger, scheduled, connectionId, sourceIp, userAgent } = {}) {
    if (!trigger) return [];
    const parts = [scheduled ? `${trigger}, scheduled` : trigger, connectionId, sourceIp, userAgent].filter(Boolean);
    return [el("div", { className: "kind", textContent: "via " + visible(parts.join(" · ")) })];
  }

  function counted(channel, n) {
    if (channel === name) counts.textContent = count(n);
  }

  const again = keepLive(live, byId("info"), () => look(name, undefined, quietly));
  let waiting = false; // to look again: however much happens, not at each of it
  connection.addEventListener("message", ({ detail: { channel } }) => {
    if (!name || channel !== name || waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      again();
    }, soon);
  });
  byId("inside-refresh").addEventListener("click", () => look(name));
  return { look, counted };
}

/** A number of subscriptions, in words. */
export function count(n) {
  return `${n} subscription${n === 1 ? "" : "s"}`;
}
