// What is scheduled, by whomever.

import { get, post } from "./api.js";
import { button, byId, el, onSubmit } from "./dom.js";
import { highlight, visible } from "./json.js";
import { fill, keepLive } from "./lists.js";
import { attempt, inTurn, quietly, show } from "./outcome.js";
import { age, here, momentIn } from "./times.js";

export function setUpSchedules() {
  const form = byId("schedules-form");
  const list = byId("due");

  const ask = inTurn(form);

  async function refresh(how) {
    const answer = await ask(how, () => get("schedules", { channel: byId("schedules-channel").value }));
    if (!answer) return;
    fill(list, answer.schedules, ({ scheduleArn }) => scheduleArn, item);
    if (how === attempt) show(form, true, answer.schedules.length === 100 ? "The first hundred:" : "");
  }

  function item(s) {
    const due = new Date(s.due);
    const who = s.uid ? `by ${s.uid}` : s.connectionId ? "by a client without uid" : "by the server";
    const what = s.key ? `sets ${s.key}` : s.event;
    const cancel = async () => {
      const done = await attempt(form, () => post("cancel", { scheduleArn: s.scheduleArn }));
      if (!done) return;
      await refresh(quietly);
      show(form, true, `Cancelled: ${what} on ${s.channel}.`);
      form.querySelector("button").focus();
    };
    return el(
      "li",
      {},
      el("div", { className: "row spread" }, el("strong", { textContent: momentIn(due, here) }), age(due), button("Cancel", cancel, `Cancel ${what} on ${s.channel}`)),
      el("div", {}, el("code", { textContent: visible(what) }), " on ", el("code", { textContent: visible(s.channel) }), " ", el("span", { className: "kind", textContent: visible(who) })),
      highlight(JSON.stringify(s.data)),
    );
  }

  keepLive(form.elements.live, form, () => refresh(quietly));
  onSubmit(form, () => refresh(attempt));
}
