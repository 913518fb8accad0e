// Draws the messages of a ticket.

import { timeOf } from "/rt/client.js";
import { avatar, button, el, time } from "./dom.js";
import { confirm } from "./menu.js";

const reactions = { "👍": "thumbs up", "❤️": "heart", "🎉": "party" };

export class Messages {
  element = el("div", { className: "messages", role: "log", tabIndex: 0, ariaLabel: "Messages" });
  #list = el("ol");
  #talk;
  #me;
  #drawn = new Map(); // id, or what has none yet → { item, parts that change }
  #atEnd = true;

  constructor(talk, me) {
    this.#talk = talk;
    this.#me = me;
    this.element.append(this.#list);
    this.element.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.element;
      this.#atEnd = scrollHeight - scrollTop - clientHeight < 60;
    });
    new ResizeObserver(() => this.#atEnd && this.#toEnd()).observe(this.element);
  }

  draw() {
    const all = this.#talk.messages;
    const gone = new Set(this.#drawn.keys());
    let before = null;
    let place = this.#list.firstElementChild;
    for (const message of all) {
      const name = message.id ?? message;
      gone.delete(name);
      if (!this.#drawn.has(name)) this.#drawn.set(name, this.#build(message));
      const { item } = this.#drawn.get(name);
      item.classList.toggle("follows", Boolean(before) && !before.note && !message.note && before.uid === message.uid);
      this.#update(message);
      if (item === place) place = place.nextElementSibling;
      else this.#list.insertBefore(item, place);
      before = message;
    }
    for (const name of gone) {
      this.#drawn.get(name).item.remove();
      this.#drawn.delete(name);
    }
    this.element.ariaBusy = String(!this.#talk.loaded);
    if (this.#atEnd || all.at(-1)?.state === "sending") this.#toEnd();
  }

  #toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }

  #build(message) {
    if (message.note) return { item: el("li", { className: "note" }, el("span", { textContent: message.text, dir: "auto" })) };
    const own = message.uid === this.#me.uid;
    const chips = el("div", { className: "chips" });
    const state = el("div", { className: "state" });
    const tools = el("div", { className: "tools" });
    if (message.id) {
      for (const [reaction, name] of Object.entries(reactions)) {
        tools.append(button(reaction, () => this.#react(message.id, reaction), { className: "tool" }));
        tools.lastChild.ariaLabel = `React with ${name}`;
      }
      if (own || this.#me.role !== "customer") {
        const run = () => this.#delete(message).catch((error) => (state.textContent = error.message));
        tools.append(button("Delete", run, { iconName: "bin" }));
      }
    }
    const item = el("li", { className: own ? "message own" : "message", tabIndex: -1 },
      avatar(message),
      el("div", { className: "body" },
        el("div", { className: "head" }, el("b", { textContent: own ? "You" : message.name, dir: "auto" }),
          time(message.id ? timeOf(message.id) : Date.now())),
        el("div", { className: "row" }, el("p", { className: "bubble", textContent: message.text, dir: "auto" }), tools),
        chips, state,
      ));
    return { item, chips, state };
  }

  #update(message) {
    const { item, chips, state } = this.#drawn.get(message.id ?? message);
    if (message.note) return;
    item.dataset.state = message.state ?? "sent";
    const shown = [...this.#talk.reactions(message.id)].filter(([, users]) => users.size > 0);
    chips.replaceChildren(...shown.map(([reaction, users]) => {
      const chip = button(`${reaction} ${users.size}`, () => this.#react(message.id, reaction), { className: "chip" });
      chip.ariaPressed = String(users.has(this.#me.uid));
      chip.ariaLabel = `${reactions[reaction] ?? reaction}, ${users.size}`;
      return chip;
    }));
    if (state.dataset.of === message.state) return;
    state.dataset.of = message.state ?? "";
    state.replaceChildren();
    if (message.state === "sending") state.append("Sending…");
    if (message.state === "failed") {
      state.append(`Not sent: ${message.problem} `,
        button("Try again", () => this.#talk.send(message)), button("Discard", () => this.#talk.discard(message)));
    }
  }

  async #delete({ id, text }) {
    if (await confirm("Delete this message?", text, "Delete")) await this.#talk.delete(id);
  }

  #react(id, reaction) {
    this.#talk.react(id, reaction).catch(() => {}); // it is not shown then
  }
}
