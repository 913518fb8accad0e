import { avatar } from "./avatar.js";
import { el, icon } from "./dom.js";
import { onLongPress } from "./longpress.js";
import { drawReaction, nameReaction } from "./picker.js";

const groupWithin = 5 * 60_000; // ms between messages of one group
const nearBottom = 80; // px that still count as the bottom
const nearTop = 400; // px from the top at which older messages are loaded

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/**
 * The messages of a room on the page. It stays at the end while the reader is
 * there, and never moves what is being read otherwise.
 */
export class Timeline {
  #room;
  #picker;
  #does;
  #list = el("ol", { className: "messages" });
  #top = el("div", { className: "beginning" });
  #messages = []; // in order
  #items = new Map(); // message → its element and the parts that change
  #current = null; // the message that has the keyboard
  #stuck = true; // at the end, and to be kept there
  #scrollTop = 0;
  #loading = false;

  /**
   * @param {Room} room
   * @param {Picker} picker
   * @param {object} does what the rest of the page does
   * @param {(error: Error) => void} does.fail tells the user
   * @param {(message: Message) => void} does.edit lets the user write another text
   * @param {() => void} does.greet begins a first message
   * @param {() => void} does.share copies the room's address
   */
  constructor(room, picker, does) {
    this.#room = room;
    this.#picker = picker;
    this.#does = does;
    this.element = el("div", { className: "timeline", role: "log", tabIndex: 0, ariaLabel: `Messages in ${room.name}` },
      this.#top, this.#list);
    this.element.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.element.addEventListener("keydown", (e) => this.#key(e));
    this.#list.addEventListener("focusin", (e) => this.#focused(e.target.closest("li")));
    // Also once for a whole page of messages, instead of at each of them.
    const grown = new ResizeObserver(() => this.#stuck && this.toEnd());
    grown.observe(this.element);
    grown.observe(this.#list);
    room.addEventListener("message", (e) => this.#put(e.detail));
    room.addEventListener("gone", (e) => this.#remove(e.detail));
    room.addEventListener("ready", () => this.#drawTop());
    this.#drawTop();
  }

  /** True if the newest message is in view. */
  get atEnd() {
    return this.#stuck;
  }

  toEnd() {
    this.#stuck = true;
    this.element.scrollTop = this.element.scrollHeight;
  }

  /** Puts the timeline on the page, where it was left. */
  show(parent) {
    parent.replaceChildren(this.element);
    if (this.#stuck) this.toEnd();
    else this.element.scrollTop = this.#scrollTop;
  }

  /** Marks the first message that the reader has not seen; null for none. */
  markUnread(message) {
    for (const item of this.#list.querySelectorAll(".unread")) item.classList.remove("unread");
    if (message) this.#items.get(message)?.li.classList.add("unread");
  }

  /** Gives the keyboard to the newest message. */
  focusLast() {
    this.#focus(this.#messages.at(-1));
  }

  #put(message) {
    const known = this.#items.get(message);
    if (!known) this.#items.set(message, this.#build(message));
    this.#place(message);
    this.#draw(message);
    if (!known && message.state === "sending") this.#stuck = true;
    if (!known && this.#messages.length === 1) this.#drawTop();
  }

  #remove(message) {
    const at = this.#messages.indexOf(message);
    if (at < 0) return;
    this.#messages.splice(at, 1);
    this.#items.get(message).li.remove();
    this.#items.delete(message);
    this.#group(at - 1, at);
    if (this.#messages.length === 0) this.#drawTop();
  }

  // Inserts a new message, or moves one whose place became known. Most belong
  // at the end, so the search begins there.
  #place(message) {
    const was = this.#messages.indexOf(message);
    if (was >= 0) this.#messages.splice(was, 1);
    let at = this.#messages.length;
    while (at > 0 && this.#messages[at - 1].order > message.order) at--;
    this.#messages.splice(at, 0, message);
    if (was !== at) {
      const next = this.#messages[at + 1];
      this.#list.insertBefore(this.#items.get(message).li, next ? this.#items.get(next).li : null);
    }
    this.#group(was - 1, was, was + 1, at - 1, at, at + 1);
  }

  // Recomputes how messages at these places belong to their neighbours.
  #group(...places) {
    for (const at of new Set(places)) {
      const message = this.#messages[at];
      if (!message) continue;
      const { li, day: separator } = this.#items.get(message);
      const first = !together(this.#messages[at - 1], message);
      li.classList.toggle("first", first);
      li.classList.toggle("last", !together(message, this.#messages[at + 1]));
      separator.hidden = sameDay(this.#messages[at - 1], message);
    }
  }

  #build(message) {
    const when = new Date(message.time);
    const own = message.uid === this.#room.me && message.kind === "chat";
    const li = el("li", { className: `message ${message.kind}${own ? " own" : ""}`, tabIndex: -1 });
    const parts = {
      li,
      day: el("div", { className: "day", textContent: dayName(when) }),
      bubble: el("div", { className: "bubble", dir: "auto" }),
      reactions: el("div", { className: "reactions" }),
      state: el("div", { className: "state" }),
    };
    li.append(parts.day, el("div", { className: "fresh", textContent: "New" }));
    if (message.kind === "note") {
      li.append(el("p", { textContent: message.text, dir: "auto" }));
      return parts;
    }
    const time = el("time", { dateTime: when.toISOString(), title: moment.format(when), textContent: clock.format(when) });
    const name = message.kind === "reminder" ? `Reminder from ${own ? "you" : message.uid}` : message.uid;
    const react = el("button", { className: "icon react", type: "button", ariaLabel: "React", title: "React" }, icon("react"));
    react.addEventListener("click", () => this.#openPicker(message, react));
    onLongPress(parts.bubble, () => this.#openPicker(message, parts.bubble));
    li.append(
      message.kind === "reminder" ? el("span", { className: "avatar bell" }, icon("bell")) : avatar(message.uid),
      el("div", { className: "body" },
        el("div", { className: "head" }, el("b", { textContent: name, dir: "auto" }), time),
        el("div", { className: "line" }, parts.bubble, react),
        parts.reactions,
        parts.state,
      ),
    );
    return parts;
  }

  // Draws what may change of a message: where it stands and its reactions.
  #draw(message) {
    const { li, state, bubble } = this.#items.get(message);
    li.dataset.state = message.state;
    if (bubble.textContent !== message.text) bubble.replaceChildren(...linked(message.text));
    this.#drawReactions(message);
    state.replaceChildren();
    if (message.state === "sending") state.append("Sending…");
    if (message.state === "sent" && message.version > 1) state.append("edited");
    if (message.state === "failed") {
      const again = el("button", { className: "plain", type: "button", textContent: "Try again" });
      again.addEventListener("click", () => this.#room.retry(message));
      const discard = el("button", { className: "plain", type: "button", textContent: "Remove" });
      discard.addEventListener("click", () => this.#room.discard(message));
      state.append(`Not sent: ${message.problem} `, again, discard);
    }
    this.#setReachable(li, message === this.#current || message.state === "failed");
  }

  // Keeps the chips that stay, and so the focus that may be on one of them.
  #drawReactions(message) {
    const { li, reactions } = this.#items.get(message);
    const chips = new Map([...reactions.children].map((chip) => [chip.dataset.reaction, chip]));
    for (const [reaction, { users, others }] of message.reactions) {
      const chip = chips.get(reaction) ?? this.#chip(message, reaction);
      if (!chips.delete(reaction)) reactions.append(chip);
      const names = [...users].map((uid) => (uid === this.#room.me ? "you" : uid));
      const who = [...names, ...(others > 0 ? [`${others} more`] : [])].join(", ");
      chip.ariaPressed = String(users.has(this.#room.me));
      chip.ariaLabel = `${nameReaction(reaction)}, ${users.size + others}: ${who}`;
      chip.title = who;
      chip.lastElementChild.textContent = users.size + others;
    }
    for (const chip of chips.values()) {
      if (chip === document.activeElement) li.focus();
      chip.remove();
    }
  }

  #chip(message, reaction) {
    const chip = el("button", { className: "chip", type: "button" }, drawReaction(reaction), el("span"));
    chip.dataset.reaction = reaction;
    chip.addEventListener("click", () => this.#react(message, reaction));
    return chip;
  }

  #openPicker(message, opener) {
    if (!message.id || message.state === "removed") return;
    const own = message.kind === "chat" && message.uid === this.#room.me;
    const actions = own ? [
      { label: "Edit", run: () => this.#does.edit(message) },
      { label: "Remove", run: () => this.#room.remove(message).catch(this.#does.fail) },
    ] : [];
    // A finger that rests selects no text here.
    if (opener.matches(".bubble")) actions.unshift({ label: "Copy", run: () => navigator.clipboard?.writeText(message.text).catch(this.#does.fail) });
    this.#picker.open(opener, (reaction) => this.#react(message, reaction), actions);
  }

  #react(message, reaction) {
    this.#room.react(message, reaction).catch(this.#does.fail);
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight, isConnected } = this.element;
    if (!isConnected) return;
    const up = scrollTop < this.#scrollTop;
    this.#scrollTop = scrollTop;
    // Only who scrolls up leaves the end: messages that came after our own
    // scrolling, but before this event, do not count.
    if (scrollHeight - scrollTop - clientHeight < nearBottom) this.#stuck = true;
    else if (up) this.#stuck = false;
    this.element.dispatchEvent(new Event("moved"));
    if (scrollTop < nearTop && this.#room.hasOlder && !this.#loading) this.#loadOlder();
  }

  async #loadOlder() {
    this.#loading = true;
    this.element.ariaBusy = "true"; // not news, so not to be read out
    // Not the first: it may lose its heading to a message above it.
    const anchor = this.#items.get(this.#messages[1])?.li;
    const before = anchor?.getBoundingClientRect().top;
    try {
      await this.#room.loadOlder();
    } catch (error) {
      this.#does.fail(error);
    }
    this.#loading = false;
    this.#drawTop();
    // Safari does not keep what is read in its place, others not always.
    if (anchor && !this.#stuck) this.element.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  #drawTop() {
    this.element.ariaBusy = String(!this.#room.ready);
    this.#top.classList.toggle("inviting", this.#room.ready && this.#messages.length === 0);
    if (!this.#room.ready) {
      this.#top.replaceChildren(el("p", { textContent: "Loading messages…" }));
    } else if (this.#room.hasOlder) {
      this.#top.replaceChildren(el("p", { textContent: "Loading earlier messages…" })); // once it comes near
    } else if (this.#messages.length === 0) {
      this.#top.replaceChildren(...this.#invitation());
    } else {
      this.#top.replaceChildren(
        el("h2", { textContent: `Welcome to ${this.#room.name}` }),
        el("p", { textContent: "This is where the conversation begins. Messages are kept for a day." }),
      );
    }
  }

  #invitation() {
    const greet = el("button", { className: "primary", type: "button", textContent: "Say hello" });
    greet.addEventListener("click", () => this.#does.greet());
    const share = el("button", { className: "plain", type: "button", textContent: "Copy a link to the room" });
    share.addEventListener("click", () => this.#does.share());
    return [
      icon("talk"),
      el("h2", { textContent: `It is quiet in ${this.#room.name}` }),
      el("p", { textContent: "Write the first message, or send somebody the link. Messages are kept for a day." }),
      el("div", { className: "actions" }, greet, share),
    ];
  }

  // The list is one stop for the Tab key; arrow keys walk its messages, and
  // only the message reached has its buttons in the Tab order.
  #key(event) {
    const last = this.#messages.length - 1;
    const at = event.target === this.element ? last + 1 : this.#messages.indexOf(this.#current);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: last }[event.key];
    if (this.#messages[to]) {
      this.#focus(this.#messages[to]);
    } else if (event.key === "Enter" && event.target.matches("li")) {
      this.#openPicker(this.#current, event.target.querySelector(".react"));
    } else {
      return;
    }
    event.preventDefault();
  }

  #focus(message) {
    const li = message && this.#items.get(message).li;
    li?.focus();
    li?.scrollIntoView({ block: "nearest" });
  }

  #focused(li) {
    const message = this.#messages.find((m) => this.#items.get(m).li === li);
    const before = this.#items.get(this.#current);
    if (before) this.#setReachable(before.li, this.#current.state === "failed");
    this.#current = message ?? null;
    if (li) this.#setReachable(li, true);
  }

  #setReachable(li, on) {
    li.tabIndex = on ? 0 : -1;
    for (const control of li.querySelectorAll("button, a")) control.tabIndex = on ? 0 : -1;
  }
}

function together(a, b) {
  return Boolean(a && b) && a.kind === "chat" && b.kind === "chat" && a.uid === b.uid &&
    b.time - a.time < groupWithin && sameDay(a, b);
}

function sameDay(a, b) {
  return Boolean(a) && new Date(a.time).toDateString() === new Date(b.time).toDateString();
}

function dayName(date) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000);
  return ["Today", "Yesterday"][days] ?? day.format(date);
}

// Splits a text so that web addresses in it become links.
function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]+[^\s<>".,:;!?')\]])/).map((part, i) =>
    i % 2 === 0 ? part : el("a", { href: part, target: "_blank", rel: "noopener noreferrer", textContent: part }),
  );
}
