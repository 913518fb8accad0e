import { merge } from "./merge.js";

const key = "notes"; // of channel storage
const saveAfter = 300; // ms after the last key press

/**
 * The text that everyone in a room writes. Each page sends what it makes of the text that
 * is there, on condition that it still is; if somebody else was faster, it does so again
 * with theirs. It fires "change" when the text or its state is another one.
 */
export class Notes extends EventTarget {
  /** With what is not saved yet. */
  text = "";
  /** For the user to read. */
  state = "";

  #channel;
  #saved = ""; // what the server has, as far as we know
  #came = null; // while something is being saved: what everyone was told meanwhile
  #awaited = null; // our own text, of which everyone is told: what comes before it is older
  #timer = 0;

  constructor(channel) {
    super();
    this.#channel = channel;
    channel.on("storage", (entry) => entry.key === key && this.#stored(textOf(entry.data)));
    channel.on("subscribed", () => {
      this.#awaited = null; // What is there now comes next.
      this.#save();
    });
  }

  /** Changes the text, and saves it a little later. */
  write(text) {
    this.text = text;
    this.#become("Saving …");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), saveAfter);
  }

  async #save() {
    if (this.#came) return;
    if (this.text === this.#saved) {
      if (this.state) this.#become("Saved"); // Others may have made it so.
      return;
    }
    const sent = this.text;
    const base = this.#saved;
    this.#came = [];
    let before;
    let problem = "";
    try {
      const change = (now) => {
        before = textOf(now);
        return merge(base, before, sent) || null;
      };
      const saved = textOf(await this.#channel.update(key, change));
      this.#rebase(sent, saved);
      // Nobody is told of a text that was there already.
      if (saved !== before) this.#awaited = saved;
      else this.#came = this.#came.slice(this.#came.lastIndexOf(saved) + 1 || this.#came.length);
    } catch (error) {
      problem = error.message;
    }
    const came = this.#came;
    this.#came = null;
    for (const text of came) this.#stored(text);
    if (problem) this.#become(`Not saved: ${problem}`);
    else this.#save(); // what was written meanwhile
  }

  #stored(text) {
    if (this.#came) {
      this.#came.push(text);
      return;
    }
    if (this.#awaited !== null) {
      if (text === this.#awaited) this.#awaited = null;
      return;
    }
    this.#rebase(this.#saved, text);
    this.#become(this.state);
  }

  /** Takes what is saved, with what was written on top of base. */
  #rebase(base, saved) {
    this.text = merge(base, saved, this.text);
    this.#saved = saved;
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

const textOf = (data) => (typeof data === "string" ? data : "");
