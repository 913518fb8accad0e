// The frames that came and went, within a bound.

import { byId, button, copyButton, el } from "./dom.js";
import { highlight, preview } from "./json.js";
import { clock } from "./times.js";

const maxFrames = 500;
const maxText = 4 << 20; // characters of all frames together

/** What is kept of the traffic, and the list that shows it. */
export class Traffic {
  #frames = []; // the oldest first: {out, text, at, event, channel, id, row}
  #text = 0;
  #dropped = 0;
  #held = []; // while paused
  #paused = false;
  #matches = () => true;
  #pending = [];
  #list = byId("frames");
  #react;

  /** react is called with the channel and id of a message to react to. */
  constructor(react) {
    this.#react = react;
    byId("filter").addEventListener("input", () => this.#filter());
    byId("direction").addEventListener("change", () => this.#filter());
    byId("clear").addEventListener("click", () => this.clear());
    byId("pause").addEventListener("click", () => this.#pause());
    this.#note();
  }

  add({ out, text }) {
    const frame = { out, text, at: new Date(), event: "", channel: "", id: "" };
    try {
      const parsed = JSON.parse(text);
      frame.event = String(parsed.event ?? parsed.POST ?? parsed.DELETE ?? parsed.GET ?? "");
      frame.channel = String(parsed.channel ?? parsed.body?.channel ?? parsed.answer?.channel ?? "");
      frame.id = typeof parsed.id === "string" ? parsed.id : "";
      frame.error = parsed.error?.code ?? parsed.answer?.error?.code;
    } catch {
      // It is shown as it is.
    }
    if (this.#paused) {
      this.#held.push(frame);
      if (this.#held.length > maxFrames) {
        this.#held.shift();
        this.#dropped++;
      }
      this.#note();
      return;
    }
    this.#keep(frame);
  }

  #keep(frame) {
    this.#frames.push(frame);
    this.#text += frame.text.length;
    while (this.#frames.length > maxFrames || (this.#text > maxText && this.#frames.length > 1)) {
      const oldest = this.#frames.shift();
      this.#text -= oldest.text.length;
      this.#dropped++;
      oldest.row?.remove();
    }
    // Many frames can come at once; the page is drawn once for all of them.
    if (this.#pending.push(frame) === 1) requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    const list = this.#list;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    for (const frame of this.#pending) {
      if (!this.#frames.includes(frame)) continue; // dropped already
      frame.row = this.#row(frame);
      frame.row.hidden = !this.#matches(frame);
      list.append(frame.row);
    }
    this.#pending = [];
    if (atEnd) list.scrollTop = list.scrollHeight;
    this.#note();
  }

  #row(frame) {
    const direction = frame.out ? "out" : "in";
    const summary = el(
      "summary",
      {},
      el("time", { dateTime: frame.at.toISOString(), textContent: clock(frame.at) }),
      el("span", { className: "direction", textContent: frame.out ? "↑" : "↓", ariaLabel: direction, role: "img" }),
      el("span", { className: "event", textContent: preview(frame.event, 80) || "?" }),
    );
    if (frame.error) summary.append(el("span", { className: "code-error", textContent: preview(String(frame.error), 60) }));
    if (frame.channel) summary.append(el("span", { className: "channel", textContent: preview(frame.channel, 80) }));
    summary.append(el("span", { className: "preview", textContent: preview(dataOf(frame)) }));
    const details = el("details", {}, summary);
    const row = el("li", { className: direction }, details);
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) details.append(highlight(frame.text));
      this.#offerTools(frame, row);
    });
    // Not before: there are hundreds of rows.
    for (const event of ["pointerenter", "focusin"]) row.addEventListener(event, () => this.#offerTools(frame, row));
    return row;
  }

  /** What can be done with a frame, beside its line. */
  #offerTools(frame, row) {
    if (row.children.length > 1) return;
    const tools = el("div", { className: "tools" }, copyButton(frame.text, "Copy the frame"));
    if (frame.id && !frame.event.startsWith("hotsock.")) tools.prepend(button("React …", () => this.#react(frame.channel, frame.id), `React to ${frame.id}`));
    row.append(tools);
  }

  #filter() {
    this.#matches = matcher(byId("filter").value, byId("direction").value);
    for (const frame of this.#frames) if (frame.row) frame.row.hidden = !this.#matches(frame);
    this.#note();
  }

  #pause() {
    this.#paused = !this.#paused;
    byId("pause").ariaPressed = String(this.#paused);
    byId("pause").textContent = this.#paused ? "Go on" : "Pause";
    if (!this.#paused) for (const frame of this.#held.splice(0)) this.#keep(frame);
    this.#note();
  }

  clear() {
    this.#frames = [];
    this.#held = [];
    this.#pending = [];
    this.#text = 0;
    this.#dropped = 0;
    this.#list.replaceChildren();
    this.#note();
  }

  #note() {
    const parts = [];
    const shown = this.#frames.filter((frame) => this.#matches(frame)).length;
    if (this.#frames.length === 0) parts.push("Nothing yet. Frames are kept in this page’s memory, the newest 500.");
    else if (shown < this.#frames.length) parts.push(`${shown} of ${this.#frames.length} frames`);
    else parts.push(`${shown} frame${shown === 1 ? "" : "s"}`);
    if (this.#paused) parts.push(`paused, ${this.#held.length} waiting`);
    if (this.#dropped) parts.push(`${this.#dropped} older dropped`);
    byId("traffic-note").textContent = parts.join(" · ");
  }
}

/** What of a frame's text is worth seeing on one line: of text that is no frame, all. */
function dataOf({ event, text }) {
  if (!event) return text;
  for (const member of ['"error":', '"data":', '"answer":', '"body":']) {
    const at = text.indexOf(member);
    if (at < 1) continue;
    const shown = text.slice(at + member.length, at + member.length + 300).replace(/\s+/g, " ");
    return shown.replace(/(,"meta":{"(?:uid|channelAlias)":.*)?(,"ref":"c\d+")?}?$/, "");
  }
  return "";
}

/** A function that says whether a frame passes: every word must, and event: and channel: look there only. */
export function matcher(filter, direction) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return (frame) => {
    if (direction && (direction === "out") !== frame.out) return false;
    return words.every((word) => {
      if (word.startsWith("event:")) return frame.event.toLowerCase().includes(word.slice(6));
      if (word.startsWith("channel:")) return frame.channel.toLowerCase().includes(word.slice(8));
      return frame.text.toLowerCase().includes(word);
    });
  };
}
