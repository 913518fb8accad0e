// Shows the list of tickets.

import { avatar, button, byId, el, time } from "./dom.js";

export function showList(tickets, me) {
  const staff = me.role !== "customer";
  const filters = {
    Open: (t) => !t.closed,
    ...(staff && { Mine: (t) => !t.closed && t.agent?.uid === me.uid }),
    Closed: (t) => t.closed,
  };
  let shown = "Open";

  const buttons = Object.keys(filters).map((name) => button(name, () => show(name), { className: "filter" }));
  byId("filters").append(...buttons);
  tickets.addEventListener("change", draw);
  draw();

  function show(name) {
    shown = name;
    draw();
  }

  function draw() {
    const all = tickets.all;
    for (const filter of buttons) {
      const name = filter.firstChild.textContent;
      const unread = all.filter((t) => filters[name](t) && t.unread > 0).length;
      filter.ariaPressed = String(name === shown);
      filter.replaceChildren(name, ...(unread ? [count(unread, "tickets with unread messages")] : []));
    }
    const focused = document.activeElement?.closest("#tickets a")?.hash;
    const list = all.filter((t) => filters[shown](t) || t.id === tickets.openId);
    byId("tickets").replaceChildren(...list.map(item));
    byId("tickets").ariaBusy = String(!tickets.loaded);
    if (list.length === 0) byId("tickets").append(el("li", { className: "none", textContent: tickets.loaded ? "No tickets here." : "Loading…" }));
    if (focused) byId("tickets").querySelector(`[href="${focused}"]`)?.focus();
    const total = all.reduce((sum, t) => sum + t.unread, 0);
    document.title = total ? `(${total}) Desk` : "Desk";
  }

  function item(t) {
    const who = staff ? t.customer : t.agent;
    const face = el("span", { className: "with-dot" }, avatar(who ?? { uid: "", name: "?" }));
    face.firstChild.classList.toggle("nobody", !who);
    if (staff && t.online) face.append(el("span", { className: "dot", title: "Online", role: "img", ariaLabel: "online" }));
    const line = t.last ? [t.last.uid === me.uid ? "You: " : "", t.last.text].join("") : "No messages yet";
    const link = el("a", { href: `#${t.id}`, className: t.unread ? "ticket unread" : "ticket" },
      face,
      el("span", { className: "subject", textContent: t.subject, dir: "auto" }),
      time(t.changed),
      el("span", { className: "who", textContent: under(t) }),
      el("span", { className: "line", textContent: line, dir: "auto" }),
      t.unread ? count(t.unread, "unread") : null,
    );
    if (t.id === tickets.openId) link.ariaCurrent = "page";
    return el("li", {}, link);
  }

  // What stands under the subject, for customers and for agents.
  function under(t) {
    const agent = t.agent ? (t.agent.uid === me.uid ? "you" : t.agent.name) : "nobody yet";
    return staff ? `${t.customer.name} → ${agent}` : (t.agent?.name ?? "We will answer soon");
  }
}

function count(n, of) {
  return el("span", { className: "count" }, String(n), el("span", { className: "visually-hidden", textContent: ` ${of}` }));
}
