// Tokens are masked, because what is on a screen is often seen by others.

import { byId } from "./dom.js";

/** Whether a field for a token has claims instead, which are no secret. */
const isClaims = (text) => /^\s*[{[]/.test(text);

/** Whether a text has the form of a token. */
export const isToken = (text) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);

/** Lets the buttons beside the fields for tokens show and mask them. */
export function setUpMasks() {
  for (const toggle of document.querySelectorAll("[data-reveals]")) {
    const field = byId(toggle.dataset.reveals);
    const name = field.labels[0].textContent;
    let revealed = false;
    const arrange = () => {
      const plain = isClaims(field.value);
      field.classList.toggle("masked", !revealed && !plain);
      toggle.hidden = plain;
      toggle.textContent = revealed ? "Mask" : "Show";
      toggle.ariaLabel = `${toggle.textContent}: ${name}`;
    };
    toggle.addEventListener("click", () => {
      revealed = !revealed;
      arrange();
    });
    field.addEventListener("input", arrange);
    arrange();
  }
}
