// Counts the frames that came while a phone showed something else.

import { byId } from "./dom.js";

export function countUnseen(connection) {
  const badge = byId("unseen");
  let count = 0;
  const showCount = () => {
    badge.hidden = count === 0;
    badge.textContent = count > 99 ? "99+" : String(count);
    badge.ariaLabel = `${badge.textContent} unseen`;
  };
  connection.addEventListener("frame", () => {
    if (document.body.dataset.tab !== "traffic") count++;
    showCount();
  });
  document.addEventListener("tab", ({ detail }) => {
    if (detail === "traffic") count = 0;
    showCount();
  });
}
