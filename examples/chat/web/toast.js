import { byId, el } from "./dom.js";

const shownFor = 6_000; // ms

let timer = 0;

/**
 * Shows a short word for a while.
 * @param {string} text
 * @param {{label: string, run: () => void, until: Date}} [action] what can be
 *   done about it, and until when
 */
export function toast(text, action) {
  const node = byId("toast");
  const hide = () => node.hidePopover();
  node.replaceChildren(el("span", { textContent: text, dir: "auto" }));
  if (action) {
    const button = el("button", { className: "plain", type: "button", textContent: action.label });
    button.addEventListener("click", () => {
      hide();
      action.run();
    });
    node.append(button);
  }
  node.showPopover();
  clearTimeout(timer);
  timer = setTimeout(hide, action ? Math.min(shownFor, action.until - Date.now()) : shownFor);
}
