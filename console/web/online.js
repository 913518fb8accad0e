// What is connected and subscribed on all servers.

import { get } from "./api.js";
import { button, byId, el, moment, onSubmit } from "./dom.js";
import { highlight, visible } from "./json.js";
import { attempt, show } from "./outcome.js";

const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

export function setUpOnline({ look }) {
  setUpList(byId("online-channels-form"), byId("online-channels"), (values, after) => get("channels", { prefix: values.prefix, after }), "channels", channelItem);
  setUpList(byId("connections-form"), byId("connections"), (values, after) => get("connections", { uid: values.uid, after }), "connections", connectionItem);

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

  function connectionItem(c) {
    const item = el(
      "li",
      {},
      el("div", { className: "row spread" }, el("strong", { textContent: c.uid ? visible(c.uid) : "without uid" }), el("span", { className: "kind", textContent: count(c.subscriptionsCount, "subscription") })),
      el("div", {}, el("code", { textContent: c.id })),
      el("div", { className: "kind", textContent: `since ${moment(new Date(c.connectedAt))} from ${visible(c.sourceIp)} · ${visible(c.userAgent)}` }),
    );
    if (c.umd !== undefined) item.append(highlight(JSON.stringify(c.umd)));
    return item;
  }
}

/** Lists what a form asks for, page by page. */
function setUpList(form, list, load, name, item) {
  async function page(values, after = "") {
    const answer = await attempt(form, () => load(values, after));
    if (!answer) return;
    if (!after) list.replaceChildren();
    list.append(...answer[name].map(item));
    if (answer.next) {
      const more = button("More", () => {
        more.parentElement.remove();
        page(values, answer.next);
      }, `More ${name}`);
      list.append(el("li", {}, more));
    }
    show(form, true, list.childElementCount === 0 ? "Nothing is there." : "");
  }
  onSubmit(form, (values) => page(values));
}
