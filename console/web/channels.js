// Subscribing.

import { button, byId, el, onSubmit } from "./dom.js";
import { count } from "./inside.js";
import { visible } from "./json.js";
import { attempt, show } from "./outcome.js";

/** look looks into a channel, and counted is told how many subscriptions one has. */
export function setUpChannels({ connection, explain, tokens, look, counted }) {
  const form = byId("subscribe-form");
  const section = byId("subscribed");
  const subscriptions = new Map(); // by channel: its item

  async function subscribe({ channel, token, info, rewind }) {
    if (token) tokens.set(channel, token);
    const wanted = { token: token || undefined, info: Boolean(info) || undefined, rewind: Number(rewind) || undefined };
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

  async function unsubscribe(channel) {
    const answer = await attempt(section, () => connection.command({ event: "hotsock.unsubscribe", channel }));
    if (answer) show(section, true, `Unsubscribed from ${channel}.`);
  }

  connection.addEventListener("message", ({ detail: frame }) => {
    if (frame.event === "hotsock.channelInfo") {
      const n = frame.data.subscriptionsCount;
      const place = subscriptions.get(frame.channel)?.querySelector(".count");
      if (place) place.textContent = count(n);
      counted(frame.channel, n);
    }
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
      if (frame.data?.reason) show(section, false, `Unsubscribed from ${frame.channel}: ${frame.data.reason}`);
    }
  });
  connection.addEventListener("state", () => {
    if (connection.state !== "closed") return;
    subscriptions.clear();
    byId("subscriptions").replaceChildren();
    tokens.clear();
  });

  onSubmit(form, (fields) => subscribe({ ...fields, token: fields.token.trim() }));
  byId("look").addEventListener("click", () => {
    if (byId("subscribe-channel").reportValidity()) look(byId("subscribe-channel").value);
  });
}
