// Reacting to a message, and who has reacted.

import { button, byId, el, onSubmit } from "./dom.js";
import { highlight, visible } from "./json.js";
import { attempt, show } from "./outcome.js";

const form = byId("react-form");

export function setUpReactions({ connection, explain }) {
  const list = byId("reactions");

  async function change({ channel, message, reaction }, action) {
    const body = JSON.stringify({ messageId: message, reaction, action });
    const question = { action: "react", channel, reaction };
    const ack = await attempt(form, () => connection.command({ event: "hotsock.messageReaction", channel }, body), explain, question);
    if (ack) show(form, true, action === "remove" ? "Removed." : "Added.");
  }

  async function page({ channel, message }, after) {
    const answer = await attempt(form, () => connection.call("listReactions", { channel, messageId: message, after }));
    if (!answer) return;
    if (after) list.lastElementChild.remove(); // the button for more
    list.append(...answer.reactions.map(item));
    if (answer.next) list.append(el("li", {}, button("More", () => page({ channel, message }, answer.next), "More reactions")));
    show(form, true, list.childElementCount === 0 ? "Nobody has reacted, as far as the client may know." : "");
  }

  function item({ reaction, uid, umd }) {
    const row = el("li", {}, el("div", { className: "row" }, el("span", { textContent: visible(reaction) }), el("strong", { textContent: visible(uid) })));
    if (umd !== undefined) row.append(highlight(JSON.stringify(umd)));
    return row;
  }

  onSubmit(form, async (fields, action) => {
    list.replaceChildren(); // it may be of another message
    if (action === "list") await page(fields);
    else await change(fields, action || "add");
  });
}

/** Fills in the form for a reaction. */
export function reactTo(channel, id) {
  byId("react-channel").value = channel;
  byId("react-message").value = id;
  byId("react-reaction").select();
}
