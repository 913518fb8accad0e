// Shows what is known of a ticket, and what agents can do about it.

import { avatar, button, byId, el } from "./dom.js";
import { confirm } from "./menu.js";

export class About {
  #talk;
  #tickets;
  #me;
  #staff = null; // all who answer, for agents
  #here = el("ul", { className: "people" });
  #customer = el("ul", { className: "people" });
  #agent = el("select", { name: "agent", ariaLabel: "Agent" });
  #problem = el("p", { className: "problem", role: "alert" });
  #drawn = "";

  constructor(talk, tickets, me) {
    this.#talk = talk;
    this.#tickets = tickets;
    this.#me = me;
    const staff = me.role !== "customer";
    this.#agent.addEventListener("change", () => this.#do("ticket.assign", { uid: this.#agent.value }, talk.channel));
    const close = button("Close", () => byId("about").hidePopover(), { iconName: "close" });
    close.classList.add("hide");
    byId("about").replaceChildren(
      close,
      el("section", {}, el("h3", { textContent: "Customer" }), this.#customer),
      ...(staff ? [el("section", {}, el("h3", { textContent: "Agent" }), this.#agent)] : []),
      el("section", {}, el("h3", { textContent: "Here now" }), this.#here),
      ...(staff ? [el("section", { className: "moderation" }, el("h3", { textContent: "The customer" }), ...this.#moderation())] : []),
      this.#problem,
    );
    if (staff) this.#loadStaff();
  }

  #moderation() {
    const person = () => this.#tickets.open?.customer;
    const out = "They are signed out everywhere, and cannot sign in again.";
    const suspend = async (erase, text, yes) => {
      const { uid, name } = person();
      if (await confirm(`${yes} ${name}?`, text, yes)) this.#do("person.suspend", { uid, erase });
    };
    const all = [
      button("Suspend…", () => suspend(false, out, "Suspend"), { className: "item danger" }),
      button("Suspend and erase…", () => suspend(true, `${out} All that they have written is erased for good.`, "Erase"), { className: "item danger" }),
    ];
    if (this.#me.role === "lead") {
      all.push(button("Make them an agent", () => this.#do("person.setRole", { uid: person().uid, role: "agent" }), { className: "item" }));
    }
    return all;
  }

  async #do(method, params, on = this.#tickets.client) {
    this.#problem.textContent = "";
    await on.call(method, params).catch((error) => (this.#problem.textContent = error.message));
  }

  async #loadStaff() {
    this.#staff = await this.#tickets.client.call("staff.list", {}).catch(() => null);
    this.#drawn = "";
    this.draw(this.#tickets.open);
  }

  draw(ticket) {
    const { members } = this.#talk;
    const now = JSON.stringify([ticket?.agent, ticket?.customer, members]);
    if (!ticket || now === this.#drawn) return;
    this.#drawn = now;
    const online = (uid) => members.some((m) => m.uid === uid);
    this.#customer.replaceChildren(row(ticket.customer, ticket.customer.uid === this.#me.uid ? "you" : online(ticket.customer.uid) ? "reads this ticket now" : ""));
    this.#here.replaceChildren(...members.map((m) => row(m, m.uid === this.#me.uid ? "you" : m.role === "customer" ? "" : m.role)));
    const options = (this.#staff ?? []).map(({ uid, name }) => el("option", { value: uid, textContent: name }));
    if (!ticket.agent) options.unshift(el("option", { value: "", textContent: "Nobody yet", disabled: true }));
    this.#agent.replaceChildren(...options);
    this.#agent.value = ticket.agent?.uid ?? "";
  }
}

function row(person, note) {
  return el("li", {}, avatar(person), el("span", {}, el("span", { textContent: person.name, dir: "auto" }),
    note ? el("small", { textContent: note }) : null));
}
