// What is scheduled, by whomever.

import { get, post } from "./api.js";
import { button, byId, el, moment, onSubmit } from "./dom.js";
import { highlight, visible } from "./json.js";
import { attempt, show } from "./outcome.js";

export function setUpSchedules() {
  const form = byId("schedules-form");
  const list = byId("due");

  async function refresh() {
    const answer = await attempt(form, () => get("schedules", { channel: byId("schedules-channel").value }));
    if (!answer) return;
    list.replaceChildren(...answer.schedules.map(item));
    const n = answer.schedules.length;
    show(form, true, n === 0 ? "Nothing is scheduled." : n === 100 ? "The first hundred:" : "");
  }

  function item(s) {
    const who = s.uid ? `by ${s.uid}` : s.connectionId ? "by a client without uid" : "by the server";
    const cancel = async () => {
      const done = await attempt(form, () => post("cancel", { scheduleArn: s.scheduleArn }));
      if (!done) return;
      row.remove();
      show(form, true, "Cancelled.");
      form.querySelector("button").focus();
    };
    const what = s.key ? `sets ${s.key}` : s.event;
    const row = el(
      "li",
      {},
      el("div", { className: "row spread" }, el("strong", { textContent: moment(new Date(s.due)) }), button("Cancel", cancel, `Cancel ${what} on ${s.channel}`)),
      el("div", {}, el("code", { textContent: visible(what) }), " on ", el("code", { textContent: visible(s.channel) }), " ", el("span", { className: "kind", textContent: visible(who) })),
      highlight(JSON.stringify(s.data)),
    );
    return row;
  }

  onSubmit(form, refresh);
  document.addEventListener("tab", ({ detail }) => {
    if (detail === "schedules") refresh();
  });
}
