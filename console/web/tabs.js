// Tabs by the ARIA pattern: arrows, Home and End move between them.

import { byId } from "./dom.js";

const tabs = [...document.querySelectorAll("[role=tab]")];

// On a wide page the traffic stands beside the tools, and has no tab.
const wide = matchMedia("(min-width: 60rem)");

export function showTab(name, focus = false) {
  for (const tab of tabs) {
    const chosen = tab.id === "tab-" + name;
    tab.ariaSelected = String(chosen);
    tab.tabIndex = chosen ? 0 : -1;
    const panel = byId(tab.getAttribute("aria-controls"));
    if (panel.id !== "traffic") panel.hidden = !chosen;
    if (chosen) {
      tab.scrollIntoView({ block: "nearest", inline: "nearest" });
      if (focus) tab.focus();
    }
  }
  document.body.dataset.tab = name;
  document.dispatchEvent(new CustomEvent("tab", { detail: name }));
}

for (const tab of tabs) tab.addEventListener("click", () => showTab(tab.id.slice(4)));

byId("tabs").addEventListener("keydown", (event) => {
  const visible = tabs.filter((tab) => tab.checkVisibility());
  const at = visible.indexOf(document.activeElement);
  const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: visible.length - 1 }[event.key];
  if (next === undefined || at < 0) return;
  event.preventDefault();
  showTab(visible.at(next % visible.length).id.slice(4), true);
});

wide.addEventListener("change", () => {
  if (wide.matches && document.body.dataset.tab === "traffic") showTab("connect");
});

showTab("connect");
