import { byId } from "./dom.js";

/** Where a message is written, or edited. Every room keeps its own draft. */
export class Composer {
  #form = byId("composer");
  #draft = byId("draft");
  #drafts = new Map();
  #room = null;
  #editing = null; // the message that is edited
  #fail;

  /**
   * @param {() => void} up called when the arrow up leaves an empty draft
   * @param {(error: Error) => void} fail tells the user
   */
  constructor(up, fail) {
    this.#fail = fail;
    byId("cancel-edit").addEventListener("click", () => this.#endEdit());
    this.#form.addEventListener("submit", (e) => {
      e.preventDefault();
      this.#send();
    });
    this.#draft.addEventListener("input", () => {
      this.#changed();
      if (this.#draft.value && !this.#editing) this.#room.typed();
    });
    this.#draft.addEventListener("keydown", (e) => {
      if (e.isComposing) return; // Enter chooses a word of an input method
      if (e.key === "Enter" && !e.shiftKey) {
        e.preventDefault();
        this.#send();
      } else if (e.key === "Escape" && this.#editing) {
        e.preventDefault();
        this.#endEdit();
      } else if (e.key === "ArrowUp" && !this.#draft.value) {
        e.preventDefault();
        up();
      }
    });
  }

  show(room) {
    if (this.#editing) this.#endEdit();
    if (this.#room) this.#drafts.set(this.#room, this.#draft.value);
    this.#room = room;
    this.#draft.value = this.#drafts.get(room) ?? "";
    this.#draft.placeholder = `Message ${room.name}`;
    this.#changed();
  }

  focus() {
    this.#draft.focus({ preventScroll: true });
  }

  /** Begins a message, unless one is begun already. */
  write(text) {
    this.#draft.value ||= text;
    this.#changed();
    this.focus();
  }

  /** Puts a message where another text for it can be written; the draft comes back afterwards. */
  edit(message) {
    if (!this.#editing) this.#drafts.set(this.#room, this.#draft.value);
    this.#editing = message;
    this.#draft.value = message.text;
    byId("editing").hidden = false;
    this.#changed();
    this.focus();
  }

  #endEdit() {
    this.#editing = null;
    this.#draft.value = this.#drafts.get(this.#room) ?? "";
    byId("editing").hidden = true;
    this.#changed();
    this.focus();
  }

  async #saveEdit(text) {
    const message = this.#editing;
    try {
      if (text !== message.text) await this.#room.edit(message, text);
    } catch (error) {
      this.#fail(error); // The text is still there.
      return;
    }
    if (this.#editing === message) this.#endEdit();
  }

  #send() {
    const text = this.#draft.value.trim();
    if (!text) return;
    if (this.#editing) {
      this.#saveEdit(text);
      return;
    }
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
