/** Makes an element with these properties and children. Text stays text: nothing here parses HTML. */
export function el(tag, props, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
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

/** The element with this id. */
export function byId(id) {
  return document.getElementById(id);
}
