// Shows JSON in colours. It works on the text as it came, so that long numbers
// and members that occur twice are shown as they are.

import { el } from "./dom.js";

const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/g;

// Characters that cannot be seen, or turn the direction of what follows.
const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/g;

/** Text in which what cannot be seen is written as an escape. */
export function visible(text) {
  return text.replace(unseen, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

/** Why the text is not JSON, or "". */
export function jsonProblem(text) {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return error.message;
  }
}

/** JSON text of members, and of others that are JSON text already, as it was typed. */
export function withTexts(members, texts) {
  let out = JSON.stringify(members);
  for (const [name, text] of Object.entries(texts)) {
    if (text) out = `${out.slice(0, -1)}${out === "{}" ? "" : ","}${JSON.stringify(name)}:${text}}`;
  }
  return out;
}

/** Elements that show JSON text, indented. */
export function highlight(text) {
  const out = el("pre", { className: "json" });
  let depth = 0;
  let previous = "";
  const line = () => out.append("\n" + "  ".repeat(depth));
  const part = (kind, shown) => out.append(el("span", { className: kind, textContent: shown }));
  const tokens = text.match(token) ?? [];
  tokens.forEach((t, i) => {
    const opens = previous === "{" || previous === "[";
    if (t === "}" || t === "]") {
      depth--;
      if (!opens) line();
      part("mark", t);
    } else {
      if (opens || previous === ",") line();
      if (t === "{" || t === "[") {
        part("mark", t);
        depth++;
      } else if (t === ":") {
        part("mark", ": ");
      } else if (t === ",") {
        part("mark", t);
      } else {
        part(kindOf(t, tokens[i + 1]), visible(t));
      }
    }
    previous = t;
  });
  return out;
}

function kindOf(t, next) {
  if (t[0] === '"') return next === ":" ? "name" : "text";
  return t === "true" || t === "false" || t === "null" ? "word" : "number";
}

/** One line of JSON text, cut short. */
export function preview(text, length = 200) {
  const short = text.length > length ? text.slice(0, length) + "…" : text;
  return visible(short);
}
