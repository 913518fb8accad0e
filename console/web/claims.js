// Shows what a token's claims permit. What they say about a certain channel and
// event only the server can tell, which is what the Explain tool is for.

import { el } from "./dom.js";
import { highlight, visible } from "./json.js";
import { moment } from "./times.js";

/** The payload of a JWT as text, or "". The signature is the server's to check. */
export function payloadOf(token) {
  const part = token.trim().split(".")[1];
  if (!part) return "";
  try {
    const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return "";
  }
}

/** Elements that show the claims of a token, or why they cannot be. */
export function showClaims(token) {
  const text = payloadOf(token);
  let claims;
  try {
    claims = JSON.parse(text);
  } catch {
    return el("p", { className: "problem", textContent: "This is not a token whose claims can be read." });
  }
  if (typeof claims !== "object" || claims === null) return el("p", { className: "problem", textContent: "The claims are no object." });
  const facts = el("dl", { className: "facts" });
  const fact = (name, value, bad = false) => {
    facts.append(el("dt", { textContent: name }), el("dd", { textContent: visible(value), className: bad ? "bad" : "" }));
  };
  fact("scope", String(claims.scope ?? "none: required"), !claims.scope);
  fact("uid", claims.uid === undefined ? "none: no presence, no reactions" : String(claims.uid));
  if (typeof claims.exp === "number") {
    const end = new Date(claims.exp * 1000);
    const over = end <= new Date();
    fact("exp", moment(end) + (over ? ", which is over: it opens no connection any more" : ""), over);
  } else {
    fact("exp", "none: required", true);
  }
  if (typeof claims.nbf === "number") fact("nbf", moment(new Date(claims.nbf * 1000)), claims.nbf * 1000 > Date.now());
  for (const name of Object.keys(claims)) {
    if (["scope", "uid", "exp", "nbf", "channels"].includes(name)) continue;
    fact(name, name === "iat" ? moment(new Date(claims.iat * 1000)) : JSON.stringify(claims[name]));
  }
  const channels = Object.entries(claims.channels ?? {});
  const list = el("ul", { className: "keys" });
  for (const [key, directives] of channels) list.append(channelKey(key, directives ?? {}));
  const all = el("details", {}, el("summary", { textContent: "All claims as JSON" }), highlight(text));
  return el(
    "div",
    { className: "claims" },
    el("h2", { textContent: "Claims" }),
    facts,
    el("h3", { textContent: channels.length ? "Channels" : "No channels: nothing is permitted" }),
    list,
    all,
  );
}

function channelKey(key, directives) {
  const item = el("li", {}, keyName(key), chips(directives, ["messages", "storage"]));
  for (const [kind, word] of [["messages", "event"], ["storage", "entry"]]) {
    for (const [name, below] of Object.entries(directives[kind] ?? {})) {
      item.append(el("div", { className: "below" }, el("span", { className: "kind", textContent: word }), keyName(name), chips(below ?? {}, [])));
    }
  }
  return item;
}

function keyName(key) {
  const kind = key.startsWith("#regex:") ? "regular expression" : key.includes("*") ? "pattern" : "";
  const name = el("code", { textContent: visible(key) });
  return kind ? el("span", {}, name, " ", el("span", { className: "kind", textContent: kind })) : name;
}

const dates = ["historyStart", "scheduleBefore"];

function chips(directives, without) {
  const list = el("span", { className: "chips" });
  for (const [name, value] of Object.entries(directives)) {
    if (without.includes(name)) continue;
    const chip = el("span", { className: "chip" });
    if (value === true) chip.textContent = name;
    else if (value === false) chip.textContent = "not " + name;
    else chip.textContent = `${name} ${visible(valueText(name, value))}`;
    chip.classList.add(value === false ? "deny" : "allow");
    list.append(chip);
  }
  if (!list.children.length) list.append(el("span", { className: "chip", textContent: "says nothing" }));
  return list;
}

/** The value of a directive, for people. */
export function valueText(name, value) {
  if (dates.includes(name) && typeof value === "number") return value === 0 ? "the beginning" : moment(new Date(value * 1000));
  if (name === "store" && typeof value === "number") return value === -1 ? "for ever" : value === 0 ? "not at all" : `${value} s`;
  return typeof value === "string" ? value : JSON.stringify(value);
}
