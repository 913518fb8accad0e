/** Makes an element with these properties and children. Text stays text: nothing here parses HTML. */
export function el(tag, props, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** A button with a text, or with an icon and a label for those who do not see it. */
export function button(label, run, { iconName, className = "plain" } = {}) {
  const node = el("button", { type: "button", className }, iconName ? icon(iconName) : label);
  if (iconName) Object.assign(node, { ariaLabel: label, title: label, className: "icon" });
  node.addEventListener("click", run);
  return node;
}

/** A drawing from icons.svg; decoration, so a label has to stand beside it. */
export function icon(name) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(ns, "use");
  use.setAttribute("href", `icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** A round face: initials on a colour that follows from the uid. */
export function avatar({ uid, name }) {
  const words = name.trim().split(/\s+/);
  const initials = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...word][0] ?? "").join("");
  let hue = 0;
  for (const c of uid) hue = (hue * 67 + c.codePointAt(0)) % 360;
  const node = el("span", { className: "avatar", textContent: initials.toUpperCase(), ariaHidden: "true" });
  node.style.setProperty("--hue", hue);
  return node;
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** A short time: of today the hour, otherwise the day. */
export function time(ms) {
  const when = new Date(ms);
  const today = when.toDateString() === new Date().toDateString();
  return el("time", { dateTime: when.toISOString(), textContent: (today ? clock : day).format(when) });
}
