import { byId } from "./dom.js";

const quietFor = 1_200; // ms without a link before we mention it

/** Shows the state of the link, and counts down to the next attempt. */
export class LinkStatus {
  #client;
  #ticker = 0;
  #since = 0; // when the link was lost, 0 while there is one

  constructor(client) {
    this.#client = client;
    client.on("state", () => this.#changed());
    byId("retry").addEventListener("click", () => client.connect());
  }

  #changed() {
    const open = this.#client.state === "open";
    this.#since = open ? 0 : this.#since || Date.now();
    clearInterval(this.#ticker);
    if (!open) this.#ticker = setInterval(() => this.#draw(), 250);
    this.#draw();
  }

  #draw() {
    const { state, retryAt } = this.#client;
    const trouble = this.#since > 0 && Date.now() - this.#since > quietFor;
    document.documentElement.dataset.link = state === "open" ? "open" : trouble ? "lost" : "opening";
    let text = "Connecting…";
    const seconds = Math.ceil((retryAt - Date.now()) / 1000);
    if (!navigator.onLine) text = "You are offline. Messages are sent when you are back.";
    else if (state === "waiting" && seconds > 1) text = `Connection lost. Trying again in ${seconds} s.`;
    else if (trouble) text = "Connection lost. Trying again…";
    setText(byId("link-state"), state === "open" ? "Connected" : trouble ? "Reconnecting…" : "Connecting…");
    setText(byId("trouble-text"), text);
    byId("trouble").hidden = !trouble;
    byId("retry").disabled = state !== "waiting";
  }
}

// An unchanged text is left alone, so that it is not read out again.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
