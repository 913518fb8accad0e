// What one can do about oneself.

import { avatar, button, byId, el } from "./dom.js";
import { post } from "./session.js";

const roles = { customer: "Customer", agent: "Agent", lead: "Lead" };

export function showMenu(client, me) {
  byId("me").append(avatar(me));
  byId("me").ariaLabel = `${me.name}: account`;
  const leave = async (everywhere) => {
    const problem = await post(everywhere ? "logout?everywhere=true" : "logout");
    client.close();
    if (!problem) location.reload();
  };
  byId("menu").append(
    el("p", {}, el("strong", { textContent: me.name }), el("span", { className: "hint", textContent: roles[me.role] })),
    button("Sign out", () => leave(false), { className: "item" }),
    button("Sign out everywhere", () => leave(true), { className: "item" }),
  );
}

/** Asks before something that cannot be taken back. */
export function confirm(title, text, yes) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
