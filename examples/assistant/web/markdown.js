// The Markdown that models write most: headings, paragraphs, flat lists, fenced code, and
// in them code, bold, italic and links. It builds elements and never parses HTML, so text
// that looks like HTML stays text. The time is linear in the length of the text.

const sources = new WeakMap(); // of the elements that render has made

const bullet = /^\s*[-*+]\s+/;
const number = /^\s*(\d{1,9})[.)]\s+/;
const heading = /^(#{1,6})\s+/;
const fence = /^```[^`]*$/;

/**
 * Shows a text that may still grow: a fence without an end is code so far. Elements whose
 * part of the text has not changed stay as they are, and so does what is selected there.
 */
export function render(container, text) {
  const blocks = split(text);
  blocks.forEach((source, at) => {
    const known = container.children[at];
    if (known && sources.get(known) === source) return;
    const node = build(source);
    sources.set(node, source);
    if (known) known.replaceWith(node);
    else container.append(node);
  });
  while (container.children.length > blocks.length) container.lastElementChild.remove();
}

// Returns the sources of the blocks.
function split(text) {
  const blocks = [];
  let kind = "";
  for (const line of text.split(/\r?\n/)) {
    if (kind === "fence") {
      blocks.at(-1).push(line);
      if (line.trimEnd() === "```") kind = "";
      continue;
    }
    const next = kindOf(line);
    const list = kind === "bullets" || kind === "numbers";
    if (list && next === "text" && /^\s/.test(line)) {
      blocks.at(-1).push(line);
      continue;
    }
    if (next === kind && (list || kind === "text")) blocks.at(-1).push(line);
    else if (next) blocks.push([line]);
    kind = next;
  }
  return blocks.map((lines) => lines.join("\n"));
}

function kindOf(line) {
  if (line.trim() === "") return "";
  if (fence.test(line)) return "fence";
  if (heading.test(line)) return "heading";
  if (bullet.test(line)) return "bullets";
  if (number.test(line)) return "numbers";
  return "text";
}

function build(source) {
  const lines = source.split("\n");
  switch (kindOf(lines[0])) {
    case "fence": {
      const closed = lines.length > 1 && lines.at(-1).trimEnd() === "```";
      return element("pre", [element("code", [lines.slice(1, closed ? -1 : undefined).join("\n")])]);
    }
    case "heading": {
      const [mark, { length }] = heading.exec(source);
      return element(`h${Math.min(length + 2, 6)}`, inline(source.slice(mark.length))); // below the page's own
    }
    case "bullets":
      return element("ul", items(lines, bullet));
    case "numbers":
      return Object.assign(element("ol", items(lines, number)), { start: Number(number.exec(source)[1]) });
  }
  return element("p", inline(source));
}

function items(lines, marker) {
  const texts = [];
  for (const line of lines) {
    if (marker.test(line)) texts.push(line.replace(marker, ""));
    else texts.push(`${texts.pop()} ${line.trim()}`);
  }
  return texts.map((text) => element("li", inline(text)));
}

// What stands between two marks. The first that fits counts.
const marks = [
  { mark: "`", build: (text) => element("code", [text]) },
  { mark: "**", build: (text, rest) => element("strong", inline(text, rest)) },
  { mark: "*", build: (text, rest) => element("em", inline(text, rest)) },
];

// Only what leads to a web page is a link: "javascript:" must stay text.
const link = /\[([^[\]]{1,500})\]\((https?:\/\/[^\s<>"()]{1,2000})\)/iy;

// Returns the nodes of a text. A mark is not looked for inside itself, so it is not deep,
// and not any more once it has no end, so it is not slow.
function inline(text, within = marks) {
  const nodes = [];
  let left = within;
  let plain = "";
  let at = 0;
  const put = (node, end) => {
    nodes.push(plain, node);
    plain = "";
    at = end;
  };
  while (at < text.length) {
    link.lastIndex = at;
    const [all, label, address] = (text[at] === "[" && link.exec(text)) || [];
    if (all && URL.canParse(address)) {
      const a = Object.assign(element("a", [label]), { href: address, target: "_blank", rel: "noopener noreferrer" });
      put(a, at + all.length);
      continue;
    }
    const found = left.find(({ mark }) => text.startsWith(mark, at));
    if (!found) {
      plain += text[at++];
      continue;
    }
    const { mark, build } = found;
    const begin = at + mark.length;
    const end = text.indexOf(mark, begin);
    const inner = text.slice(begin, Math.max(end, begin));
    if (end < 0) {
      left = left.filter((other) => other !== found);
    } else if (inner === "" || inner !== inner.trim()) {
      plain += mark;
      at = begin;
    } else {
      put(build(inner, within.filter((other) => other !== found)), end + mark.length);
    }
  }
  return [...nodes, plain];
}

function element(tag, children) {
  const node = document.createElement(tag);
  for (const child of children) if (child !== "") node.append(child); // may be too many for one call
  return node;
}
