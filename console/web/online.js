// What is connected and subscribed on all servers.

import { get } from "./api.js";
import { button, byId, copyButton, el, onSubmit } from "./dom.js";
import { highlight, visible } from "./json.js";
import { fill, keepLive } from "./lists.js";
import { attempt, inTurn, quietly, show } from "./outcome.js";
import { moment } from "./times.js";

const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

/** look looks into a channel, control fills in what the app is to do. */
export function setUpOnline({ look, control }) {
  setUpList({
    form: byId("online-channels-form"),
    load: async ({ prefix }, after) => {
      const { channels, next } = await get("channels", { prefix, after });
      return { items: channels, next };
    },
    group: (channels) => channels,
    keyOf: ({ name }) => name,
    make: channelItem,
  });
  setUpList({
    form: byId("connections-form"),
    load: async ({ uid }, after) => {
      const { connections, next } = await get("connections", { uid, after });
      return { items: connections, next };
    },
    group: usersOf,
    keyOf: ({ uid }) => uid,
    make: userItem,
  });

  function channelItem({ name, subscriptionsCount, membersCount }) {
    const counts = count(subscriptionsCount, "subscription") + (name.startsWith("presence.") ? `, ${count(membersCount, "member")}` : "");
    return el(
      "li",
      { className: "row spread" },
      el("code", { textContent: visible(name) }),
      el("span", { className: "kind", textContent: counts }),
      button("Look inside", () => look(name), `Look inside ${name}`),
    );
  }

  function userItem({ uid, connections }) {
    const head = el("div", { className: "row spread" }, el("strong", { textContent: uid ? visible(uid) : "without uid" }));
    head.append(el("span", { className: "kind", textContent: count(connections.length, "connection") }));
    if (uid) head.append(button("End all …", () => control("disconnectUser", { uid }), `End all connections of ${uid}`));
    return el("li", {}, head, el("ul", { className: "list" }, ...connections.map(connectionItem)));
  }

  function connectionItem(c) {
    const end = button("End …", () => control("disconnect", { connection: c.id }), `End the connection ${c.id}`);
    const item = el(
      "li",
      {},
      el(
        "div",
        { className: "row spread" },
        el("code", { textContent: c.id }),
        el("span", { className: "kind", textContent: count(c.subscriptionsCount, "subscription") }),
        el("span", { className: "row" }, copyButton(c.id, `Copy the id ${c.id}`), end),
      ),
      el("div", { className: "kind", textContent: `since ${moment(new Date(c.connectedAt))} from ${visible(c.sourceIp)} · ${visible(c.userAgent)}` }),
    );
    if (c.umd !== undefined) item.append(highlight(JSON.stringify(c.umd)));
    return item;
  }
}

/** The users of connections, in the order of their names; those without one come last. */
function usersOf(connections) {
  const users = Map.groupBy(connections, ({ uid }) => uid ?? "");
  const names = [...users.keys()].sort((a, b) => (a === "") - (b === "") || a.localeCompare(b));
  return names.map((uid) => ({ uid, connections: users.get(uid) }));
}

/** Lists what a form asks for, page by page, or live. */
function setUpList({ form, load, group, keyOf, make }) {
  const list = form.querySelector(".list");
  const { live } = form.elements;
  const more = button("More", () => {
    live.checked = false; // which has the first page only
    page(attempt, next);
  });
  more.hidden = true;
  list.after(more);
  const ask = inTurn(form);
  let wanted = {}; // the form's values, when it was last submitted
  let items = [];
  let next;

  async function page(how, after) {
    const answer = await ask(how, () => load(wanted, after));
    if (!answer) return;
    items = after ? [...items, ...answer.items] : answer.items;
    next = answer.next;
    more.hidden = !next;
    fill(list, group(items), keyOf, make);
    if (how === attempt) show(form, true, "");
  }

  keepLive(live, form, () => page(quietly));
  onSubmit(form, (values) => {
    wanted = values;
    return page(attempt);
  });
}
