// Tells agents of a ticket that was given to them: the desk has subscribed this page to it.

import { button, byId, el } from "./dom.js";

export function showGiven(client, tickets) {
  client.on("subscribed", (channel) => {
    const id = Number(channel.name.replace("presence.ticket.", ""));
    if (!id || id === tickets.openId) return; // none, or one that was opened here
    const toast = byId("given");
    const subject = tickets.all.find((t) => t.id === id)?.subject ?? "A ticket";
    toast.replaceChildren(
      el("span", {}, el("strong", { textContent: subject, dir: "auto" }), " was given to you."),
      button("Open", () => {
        toast.hidden = true;
        location.hash = id;
      }, { className: "primary small" }),
      button("Later", () => {
        toast.hidden = true;
        channel.unsubscribe(); // who is subscribed looks at it
      }, { className: "plain small" }),
    );
    toast.hidden = false;
  });
}
