import { byId, el, icon } from "./dom.js";

/** The reactions that this page offers, with their drawings and names. */
export const reactions = new Map([
  ["👍", { drawing: "thumbs", name: "thumbs up" }],
  ["❤️", { drawing: "heart", name: "heart" }],
  ["😂", { drawing: "laugh", name: "laughing" }],
  ["🎉", { drawing: "party", name: "party" }],
  ["😮", { drawing: "wow", name: "surprised" }],
  ["😢", { drawing: "sad", name: "sad" }],
  ["👀", { drawing: "eyes", name: "eyes" }],
  ["✅", { drawing: "check", name: "done" }],
]);

/** What stands for a reaction on the page; one of another client is shown as it came. */
export function drawReaction(reaction) {
  const known = reactions.get(reaction);
  return known ? icon(known.drawing) : el("span", { className: "emoji", textContent: reaction });
}

/** A reaction in words. */
export function nameReaction(reaction) {
  return reactions.get(reaction)?.name ?? reaction;
}

const gap = 8; // px between the picker and what it belongs to

/** The popover in which one reaction is chosen, or something else that can be done with a message. */
export class Picker {
  #panel = byId("picker");
  #choose = null;
  #opener = null;
  #actions = []; // the buttons after the reactions

  constructor() {
    for (const [reaction, { name }] of reactions) {
      const button = el("button", { type: "button", ariaLabel: name, title: name }, drawReaction(reaction));
      button.addEventListener("click", () => {
        const choose = this.#choose;
        this.#panel.hidePopover();
        choose(reaction);
      });
      this.#panel.append(button);
    }
    this.#panel.addEventListener("keydown", (e) => this.#move(e));
    this.#panel.addEventListener("toggle", (e) => {
      this.#opener?.classList.toggle("open", e.newState === "open");
    });
  }

  /**
   * Opens beside an element; choose is called with the reaction.
   * @param {{label: string, run: () => void}[]} actions what else can be done
   */
  open(opener, choose, actions = []) {
    for (const button of this.#actions) button.remove();
    this.#actions = actions.map(({ label, run }) => {
      const button = el("button", { type: "button", className: "action", textContent: label });
      button.addEventListener("click", () => {
        this.#panel.hidePopover();
        run();
      });
      return button;
    });
    this.#panel.append(...this.#actions);
    this.#opener?.classList.remove("open");
    this.#choose = choose;
    this.#opener = opener;
    this.#panel.showPopover();
    const around = opener.getBoundingClientRect();
    const own = this.#panel.getBoundingClientRect();
    const left = Math.min(Math.max(gap, around.left + around.width / 2 - own.width / 2), innerWidth - own.width - gap);
    const above = around.top - own.height - gap;
    this.#panel.style.left = `${left}px`;
    this.#panel.style.top = `${above > gap ? above : around.bottom + gap}px`;
    this.#panel.firstElementChild.focus();
  }

  #move(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...this.#panel.children];
    const at = buttons.indexOf(document.activeElement);
    buttons.at((at + step) % buttons.length).focus();
  }
}
