// Round faces that tell people apart: by letters, a colour and a pattern.

import { el } from "./dom.js";

const hues = 12; // as many as can be told apart
const patterns = 5; // in avatar.css

/** A face for a user, which is the same on every page. */
export function avatar(uid) {
  const seed = hash(uid);
  const node = el("span", { className: `avatar pattern-${Math.floor(seed / hues) % patterns}`, textContent: letters(uid), ariaHidden: "true" });
  node.style.setProperty("--hue", ((seed % hues) * 360) / hues + 15);
  return node;
}

/** The first letters of the first and the last word, or the first two of a single word. */
function letters(uid) {
  const words = uid.trim().split(/\s+/);
  const [first, second] = words.length > 1 ? [[...words[0]][0], [...words.at(-1)][0]] : [...words[0]];
  return first.toUpperCase() + (second ? (words.length > 1 ? second.toUpperCase() : second.toLowerCase()) : "");
}

/** A number that is far away for names that are alike. */
function hash(text) {
  let h = 0x811c9dc5;
  for (const c of text) h = Math.imul(h ^ c.codePointAt(0), 0x01000193);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return (h ^ (h >>> 15)) >>> 0;
}
