import { byId } from "./dom.js";

/** Where a message is written. Every room keeps its own draft. */
export class Composer {
  #form = byId("composer");
  #draft = byId("draft");
  #drafts = new Map();
  #room = null;

  /** @param {() => void} up called when the arrow up leaves an empty draft */
  constructor(up) {
    this.#form.addEventListener("submit", (e) => {
      e.preventDefault();
      this.#send();
    });
    this.#draft.addEventListener("input", () => {
      this.#changed();
      if (this.#draft.value) this.#room.typed();
    });
    this.#draft.addEventListener("keydown", (e) => {
      if (e.isComposing) return; // Enter chooses a word of an input method
      if (e.key === "Enter" && !e.shiftKey) {
        e.preventDefault();
        this.#send();
      } else if (e.key === "ArrowUp" && !this.#draft.value) {
        e.preventDefault();
        up();
      }
    });
  }

  show(room) {
    if (this.#room) this.#drafts.set(this.#room, this.#draft.value);
    this.#room = room;
    this.#draft.value = this.#drafts.get(room) ?? "";
    this.#draft.placeholder = `Message ${room.name}`;
    this.#changed();
  }

  focus() {
    this.#draft.focus({ preventScroll: true });
  }

  #send() {
    const text = this.#draft.value.trim();
    if (!text) return;
    this.#draft.value = "";
    this.#changed();
    this.#room.say(text);
    this.focus();
  }

  #changed() {
    this.#form.classList.toggle("empty", !this.#draft.value.trim());
    // Grows with its text, as far as the style sheet lets it.
    this.#draft.style.height = "auto";
    this.#draft.style.height = `${this.#draft.scrollHeight}px`;
  }
}
