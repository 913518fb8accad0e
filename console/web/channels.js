// Subscribing, and looking into channels with the host's eyes.

import { get } from "./api.js";
import { button, byId, el, moment, onSubmit } from "./dom.js";
import { highlight, visible } from "./json.js";
import { attempt, show } from "./outcome.js";
import { entryItem } from "./storage.js";

const count = (n) => `${n} subscription${n === 1 ? "" : "s"}`;

/** Returns what looks into a channel. */
export function setUpChannels({ connection, explain, tokens, react, edit }) {
  const form = byId("subscribe-form");
  const subscriptions = new Map(); // by channel: its item
  const counts = new Map(); // by channel: what the client is told

  async function subscribe(channel, token, info, rewind) {
    if (token) tokens.set(channel, token);
    const wanted = { token: token || undefined, info: info || undefined, rewind: Number(rewind) || undefined };
    const data = Object.values(wanted).some(Boolean) ? JSON.stringify(wanted) : undefined;
    const question = { action: "subscribe", channel };
    const ask = async () => {
      try {
        return await connection.command({ event: "hotsock.subscribe", channel }, data);
      } catch (error) {
        if (error.code === "INFO_PERMISSION_DENIED") question.action = "getInfo";
        throw error;
      }
    };
    const answer = await attempt(form, ask, explain, question);
    if (!answer) return;
    if (token) tokens.set(answer.channel, token);
    show(form, true, `Subscribed to ${answer.channel}.`);
  }

  let looked = ""; // the channel that is looked into

  async function unsubscribe(channel) {
    const answer = await attempt(form, () => connection.command({ event: "hotsock.unsubscribe", channel }));
    if (answer) show(form, true, `Unsubscribed from ${channel}.`);
  }

  async function look(channel, before) {
    const answer = await attempt(form, () => get("channel", before ? { name: channel, before } : { name: channel }));
    if (!answer) return;
    show(form, true, "");
    looked = channel;
    byId("info").replaceChildren(...info(answer));
  }

  function info({ name, subscriptionsCount, members, storage, messages }) {
    const parts = [
      el("div", { className: "row spread" }, el("h2", {}, "In ", el("code", { textContent: visible(name) })), button("Refresh", () => look(name), `Refresh ${name}`)),
      el("p", { id: "info-count", textContent: count(counts.get(name) ?? subscriptionsCount) }),
    ];
    if (name.startsWith("presence.")) {
      parts.push(el("h3", { textContent: `Members (${members.length})` }));
      parts.push(el("ul", { className: "list" }, ...members.map(memberItem)));
    }
    parts.push(el("h3", { textContent: `Storage (${storage.length === 100 ? "the first 100" : storage.length})` }));
    parts.push(el("ul", { className: "list" }, ...storage.map(({ key, data, by, version }) => entryItem({ key, data, version, meta: { uid: by.uid || null } }))));
    parts.push(el("h3", { textContent: `History (${messages.length === 100 ? "the newest 100" : messages.length})` }));
    parts.push(el("ol", { className: "list" }, ...messages.map((m) => messageItem(name, m))));
    if (messages.length === 100) parts.push(button("Older", () => look(name, messages.at(-1).id), "Older messages"));
    return parts;
  }

  function memberItem({ uid, umd }) {
    const item = el("li", {}, el("strong", { textContent: visible(uid) }));
    if (umd !== undefined) item.append(highlight(JSON.stringify(umd)));
    return item;
  }

  function messageItem(channel, m) {
    const head = el("div", { className: "row spread" }, el("code", { textContent: visible(m.event) }));
    head.append(el("span", { className: "kind", textContent: "by " + visible(m.by ? m.by.uid || "a client without uid" : "the server") }));
    head.append(el("span", { className: "row" }, button("React …", () => react(channel, m.id), `React to ${m.id}`), button("Edit …", () => edit(channel, m), `Edit ${m.id}`)));
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
    counts.set(channel, n);
    const place = subscriptions.get(channel)?.querySelector(".count");
    if (place) place.textContent = count(n);
    if (channel === looked && byId("info-count")) byId("info-count").textContent = count(n);
  }

  connection.addEventListener("message", ({ detail: frame }) => {
    if (frame.event === "hotsock.channelInfo") counted(frame.channel, frame.data.subscriptionsCount);
    if (frame.event === "hotsock.subscribed") {
      const item = el(
        "li",
        { className: "row spread" },
        el("code", { textContent: visible(frame.channel) }),
        el("span", { className: "kind", textContent: frame.meta?.channelAlias ? "alias " + visible(frame.meta.channelAlias) : "" }),
        el("span", { className: "kind count" }),
        el("span", { className: "row" }, button("Look inside", () => look(frame.channel), `Look inside ${frame.channel}`), button("Unsubscribe", () => unsubscribe(frame.channel), `Unsubscribe from ${frame.channel}`)),
      );
      subscriptions.get(frame.channel)?.remove();
      subscriptions.set(frame.channel, item);
      byId("subscriptions").append(item);
    } else if (frame.event === "hotsock.unsubscribed") {
      subscriptions.get(frame.channel)?.remove();
      subscriptions.delete(frame.channel);
      tokens.delete(frame.channel);
      counts.delete(frame.channel);
      if (frame.data?.reason) show(form, false, `Unsubscribed from ${frame.channel}: ${frame.data.reason}`);
    }
  });
  connection.addEventListener("state", () => {
    if (connection.state !== "closed") return;
    subscriptions.clear();
    counts.clear();
    byId("subscriptions").replaceChildren();
    tokens.clear();
  });

  onSubmit(form, ({ channel, token, info, rewind }) => subscribe(channel, token.trim(), Boolean(info), rewind));
  byId("look").addEventListener("click", () => {
    if (byId("subscribe-channel").reportValidity()) look(byId("subscribe-channel").value);
  });
  return look;
}
