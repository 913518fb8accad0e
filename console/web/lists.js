// Lists that are kept up to date while they are looked at.

import { el } from "./dom.js";

const every = 5_000; // ms between two looks

const drawn = new WeakMap(); // what each element shows, by element

/**
 * Shows items in a list, or that there are none. An item that has not changed
 * keeps its element, and with it the focus and what is open there.
 */
export function fill(list, items, keyOf, make) {
  const before = new Map([...list.children].map((node) => [drawn.get(node)?.key, node]));
  const nodes = items.map((item) => {
    const shows = { key: keyOf(item), text: JSON.stringify(item) };
    const known = before.get(shows.key);
    if (known && drawn.get(known).text === shows.text) return known;
    const node = make(item);
    drawn.set(node, shows);
    return node;
  });
  if (nodes.length === 0) nodes.push(el("li", { className: "kind", textContent: list.dataset.empty }));
  const kept = new Set(nodes);
  for (const node of [...list.children]) if (!kept.has(node)) node.remove();
  nodes.forEach((node, i) => {
    if (list.children[i] !== node) list.insertBefore(node, list.children[i] ?? null);
  });
}

/**
 * Calls refresh now and then, while the box is ticked and the part can be seen.
 * Returns what does so at once.
 */
export function keepLive(box, part, refresh) {
  let busy = false;
  const look = async () => {
    if (busy || !box.checked || document.hidden || !part.checkVisibility()) return;
    busy = true;
    try {
      await refresh();
    } finally {
      busy = false;
    }
  };
  setInterval(look, every);
  document.addEventListener("tab", look);
  document.addEventListener("visibilitychange", look);
  box.addEventListener("change", look);
  return look;
}
