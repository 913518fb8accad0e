// Where one writes, or on a closed ticket says how good the help was.

import { button, el, icon } from "./dom.js";

export class Composer {
  element = el("footer", { className: "foot" });
  #talk;
  #me;
  #form;
  #draft = el("textarea", { name: "text", rows: 1, maxLength: 2000, ariaLabel: "Message", dir: "auto", enterKeyHint: "send" });
  #rating;

  constructor(talk, me) {
    this.#talk = talk;
    this.#me = me;
    this.#draft.placeholder = me.role === "customer" ? "Write to us" : "Answer, or /take, or /close";
    this.#form = el("form", { className: "composer" }, this.#draft,
      el("button", { className: "send", ariaLabel: "Send" }, icon("send")));
    this.#rating = el("div", { className: "rating" });
    this.#form.addEventListener("submit", (e) => {
      e.preventDefault();
      this.#send();
    });
    this.#draft.addEventListener("input", () => talk.typed());
    this.#draft.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
      e.preventDefault();
      this.#send();
    });
    this.element.append(this.#form, this.#rating);
  }

  #send() {
    const text = this.#draft.value.trim();
    if (!text) return;
    this.#draft.value = "";
    this.#talk.say(text);
  }

  draw(ticket) {
    this.#form.hidden = !ticket || ticket.closed;
    this.#rating.hidden = !ticket?.closed;
    if (!ticket?.closed) return;
    const { rating } = this.#talk;
    if (this.#rating.dataset.of === String(rating)) return; // the focus may be on a star
    this.#rating.dataset.of = String(rating);
    const mayRate = ticket.customer.uid === this.#me.uid;
    this.#rating.replaceChildren(
      el("p", { textContent: mayRate ? "This ticket is closed. How was the help?" : rating ? "The customer's rating" : "This ticket is closed, and not rated." }),
      ...(mayRate || rating ? [stars(rating, mayRate ? (n) => this.#rate(n) : null)] : []),
    );
  }

  #rate(n) {
    this.#talk.channel.set("rating", n).catch(() => {}); // the stars stay as they are
  }
}

function stars(rating, rate) {
  const all = [1, 2, 3, 4, 5].map((n) => {
    const label = `${n} of 5 stars`;
    const star = rate ? button(label, () => rate(n), { iconName: "star" }) : el("span", {}, icon("star"));
    star.classList.add("star");
    star.classList.toggle("on", n <= rating);
    if (rate) star.ariaPressed = String(n === rating);
    return star;
  });
  const group = el("div", { className: "stars", role: rate ? "group" : "img", ariaLabel: rate ? "Rating" : `${rating} of 5 stars` }, ...all);
  return group;
}
