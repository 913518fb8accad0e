// Opens a ticket.

import { byId } from "./dom.js";

export function showNewTicket(client, tickets, me) {
  byId("new").hidden = me.role !== "customer";
  const dialog = byId("new-ticket");
  const form = dialog.querySelector("form");
  const problem = form.querySelector(".problem");
  let request = "";

  byId("new").addEventListener("click", () => {
    form.reset();
    problem.textContent = "";
    request = newRequest();
    dialog.showModal();
  });
  form.querySelector("[value=cancel]").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const { subject, text } = form;
    try {
      // With the same request, calling again after a lost answer opens no other ticket.
      const ticket = await client.call("ticket.open", { subject: subject.value, text: text.value, request });
      tickets.add(ticket);
      dialog.close();
      location.hash = ticket.id;
    } catch (error) {
      problem.textContent = error.code === "NO_ANSWER" ? "No answer came. Please send it again." : error.message;
    }
  });
}

// A name for a call that may have to be made twice.
function newRequest() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
