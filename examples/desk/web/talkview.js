// Shows the ticket that is open.

import { About } from "./about.js";
import { Composer } from "./composer.js";
import { button, byId, el, icon } from "./dom.js";
import { Messages } from "./messages.js";
import { Talk } from "./talk.js";

export function showTalk(client, tickets, me) {
  let talk = null;
  let view = null;
  addEventListener("hashchange", turn);
  tickets.addEventListener("change", () => view?.draw());
  document.addEventListener("visibilitychange", see);
  turn();

  // Opens the ticket that the address has.
  function turn() {
    talk?.end();
    talk = view = null;
    const id = tickets.openId;
    document.body.classList.toggle("in-ticket", id > 0);
    byId("about").replaceChildren();
    if (!id) {
      byId("talk").replaceChildren(el("div", { className: "nothing" }, icon("talk"), el("p", { textContent: "Choose a ticket" })));
      return;
    }
    talk = new Talk(client, id, me);
    view = new View(talk, tickets, me);
    talk.addEventListener("change", () => view?.draw());
    talk.addEventListener("seen", see);
    view.draw();
  }

  // Tells the server how far this user has read, if they see it.
  let timer = 0;
  function see() {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const last = talk?.messages.findLast((m) => m.id);
      if (!last || document.hidden) return;
      tickets.seen(talk.id);
      await talk.channel.call("ticket.seen", { message: last.id }).catch(() => {}); // next time
    }, 300);
  }
}

class View {
  #talk;
  #tickets;
  #me;
  #subject = el("h2", { dir: "auto" });
  #state = el("p", { className: "hint" });
  #actions = el("div", { className: "actions" });
  #typing = el("p", { className: "typing", role: "status" });
  #messages;
  #composer;
  #about;

  constructor(talk, tickets, me) {
    this.#talk = talk;
    this.#tickets = tickets;
    this.#me = me;
    this.#messages = new Messages(talk, me);
    this.#composer = new Composer(talk, me);
    this.#about = new About(talk, tickets, me);
    const details = button("About the ticket", () => byId("about").togglePopover(), { iconName: "info" });
    details.classList.add("details");
    const back = button("Back to the tickets", () => (location.hash = ""), { iconName: "back" });
    back.classList.add("back");
    byId("talk").replaceChildren(
      el("header", { className: "bar" }, back, el("div", { className: "title" }, this.#subject, this.#state), this.#actions, details),
      this.#messages.element,
      this.#typing,
      this.#composer.element,
    );
  }

  draw() {
    const ticket = this.#tickets.open;
    const talk = this.#talk;
    this.#messages.draw();
    this.#about.draw(ticket);
    this.#composer.draw(ticket);
    this.#typing.textContent = talk.typing.length ? `${talk.typing.join(" and ")} is writing…` : "";
    if (!ticket) {
      this.#subject.textContent = talk.problem || (this.#tickets.loaded ? "There is no such ticket" : "Loading…");
      return;
    }
    this.#subject.textContent = ticket.subject;
    const who = this.#me.role === "customer" ? "" : `${ticket.customer.name} · `;
    this.#state.textContent = who + (ticket.closed ? "Closed" : ticket.agent ? `With ${ticket.agent.name}` : "Nobody has it yet");
    this.#drawActions(ticket);
  }

  #drawActions(ticket) {
    const run = (method, params) => () =>
      this.#talk.channel.call(method, params).catch((error) => (this.#typing.textContent = error.message));
    const staff = this.#me.role !== "customer";
    const wanted = [];
    if (staff && !ticket.closed && ticket.agent?.uid !== this.#me.uid)
      wanted.push(["Take", run("ticket.assign", { uid: this.#me.uid })]);
    wanted.push(ticket.closed ? ["Reopen", run("ticket.reopen", {})] : ["Close", run("ticket.close", {})]);
    // Not again and again: the focus may be on one of them.
    const names = wanted.map(([name]) => name).join();
    if (this.#actions.dataset.names === names) return;
    this.#actions.dataset.names = names;
    this.#actions.replaceChildren(...wanted.map(([name, go]) => button(name, go, { className: "plain small" })));
  }
}
