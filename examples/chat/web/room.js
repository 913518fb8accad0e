import { Notes } from "./notes.js";
import { timeOf } from "./rt/client.js";

/** The colours a room can have: the value in channel storage and its hue. */
export const colours = new Map([
  ["indigo", 277],
  ["sky", 240],
  ["teal", 190],
  ["moss", 145],
  ["amber", 75],
  ["coral", 35],
  ["rose", 5],
  ["plum", 320],
]);

const typingFor = 4_000; // ms after which a "typing" wears off
const typingEvery = 2_000; // ms between two that we send
const reloadAfter = 2_000; // ms
const noLink = new Set(["NOT_CONNECTED", "NO_ANSWER"]);
const passing = new Set([...noLink, "UNAVAILABLE", "RATE_LIMITED"]); // errors worth another try

/**
 * @typedef {object} Message
 * @property {string} id         the server's id, "" until it is known
 * @property {string} order      where it stands among the others
 * @property {"chat"|"reminder"|"note"} kind
 * @property {string} uid        who sent it
 * @property {string} text
 * @property {number} time       ms since 1970
 * @property {string} key        made by the sender: a message sent twice is shown once
 * @property {"sent"|"sending"|"failed"|"removed"} state
 * @property {number} version    1, and more if it was edited
 * @property {string} problem    why it failed
 * @property {Map<string, {users: Set<string>, others: number}>} reactions  who reacted, by reaction: the first
 *   and oneself by name, and how many others
 */

/**
 * What is known of one room, kept up to date from its channel. It fires
 *   "message" and "gone" with a Message that is new, changed or to be removed;
 *   "members", "typing" and "settings" when those changed;
 *   "arrived" with a live message of somebody else;
 *   "ready" when the newest messages are there;
 *   "refused" with the server's reason.
 */
export class Room extends EventTarget {
  members = []; // {uid}
  typing = new Map(); // uid → timer
  topic = "";
  colour = "indigo";
  ready = false;
  /** True while there may be older messages than those loaded. */
  hasOlder = false;

  #channel;
  #messages = new Map(); // by id
  #oldest = null; // id of the oldest message listed, of whatever shape
  #keys = new Map(); // messages with a key, by uid and key
  #outbox = new Set(); // ours, not yet accepted
  #flying = new Set(); // those of them that wait for an answer
  #notes = 0;
  #held = null; // what came while a page of history was being loaded
  #lastLoad = Promise.resolve();
  #complete = false; // no newer message than those loaded is missing
  #subscribes = 0;
  #typedAt = 0;

  constructor(client, name, me, token) {
    super();
    this.name = name;
    this.me = me;
    const channel = client.channel(`presence.room.${name}`);
    this.#channel = channel;
    this.notes = new Notes(channel);
    channel.on("subscribed", ({ recovered }) => this.#subscribed(recovered));
    channel.on("unsubscribed", (error) => this.#fire("refused", error));
    channel.on("members", (members) => this.#setMembers(members));
    channel.on("storage", (entry) => this.#setting(entry));
    channel.on("message:chat", (message) => this.#hold(() => this.#arrived(message)));
    channel.on("message:reminder", (message) => this.#hold(() => this.#arrived(message)));
    channel.on("message:typing", ({ meta }) => this.#isOther(meta?.uid) && this.#setTyping(meta.uid, true));
    channel.on("reaction", (change) => this.#hold(() => this.#applyReaction(change, change.meta.uid)));
    channel.on("updated", (edit) => this.#hold(() => this.#edited(edit)));
    channel.on("deleted", (edit) => this.#hold(() => this.#removed(edit.messageId)));
    channel.subscribe({ token });
  }

  /** Leaves the room; nothing comes of it any more. */
  leave() {
    this.#channel.unsubscribe();
  }

  /** Sends a message, now or as soon as there is a link. */
  say(text) {
    const time = Date.now();
    const key = time.toString(36) + Math.random().toString(36).slice(2, 8);
    const message = {
      id: "", order: `~${key}`, kind: "chat", uid: this.me, text, time, key,
      state: "sending", problem: "", version: 1, reactions: new Map(),
    };
    this.#keys.set(`${this.me} ${key}`, message);
    this.#outbox.add(message);
    this.#typedAt = 0;
    this.#fire("message", message);
    this.#send(message);
  }

  /** Sends a failed message again. */
  retry(message) {
    message.state = "sending";
    this.#fire("message", message);
    this.#send(message);
  }

  /** Takes a failed message away. */
  discard(message) {
    this.#outbox.delete(message);
    this.#keys.delete(`${message.uid} ${message.key}`);
    this.#fire("gone", message);
  }

  /** Tells the others that we are typing; not on every key. */
  typed() {
    const now = Date.now();
    if (now - this.#typedAt < typingEvery) return;
    this.#typedAt = now;
    this.#channel.send("typing");
  }

  /** Adds our reaction, or takes it back. Throws what the server answers. */
  async react(message, reaction) {
    const action = message.reactions.get(reaction)?.users.has(this.me) ? "remove" : "add";
    const change = { messageId: message.id, reaction, action };
    this.#applyReaction(change, this.me);
    try {
      await (action === "add" ? this.#channel.react(message.id, reaction) : this.#channel.unreact(message.id, reaction));
    } catch (error) {
      this.#applyReaction({ ...change, action: action === "add" ? "remove" : "add" }, this.me);
      throw error;
    }
  }

  /** Changes our message. Throws what the server answers: CONFLICT if it was changed elsewhere meanwhile. */
  async edit(message, text) {
    const { version } = await this.#channel.updateMessage(message.id, { text, key: message.key }, message.version);
    this.#edited({ messageId: message.id, data: { text }, version });
  }

  /** Removes our message for everyone. */
  async remove(message) {
    await this.#channel.deleteMessage(message.id);
    this.#removed(message.id);
  }

  /** Changes some settings for everyone, and leaves the others as they are by then. */
  set(changes) {
    return this.#channel.update("settings", (now) => ({ ...now, ...changes }));
  }

  /** Schedules a reminder for the whole room; the answer tells how to cancel it. */
  remind(text, when) {
    return this.#channel.publish("reminder", { text }, when);
  }

  /** Our reminders for the room that are still to come. */
  reminders() {
    return this.#channel.schedules();
  }

  /** Loads a page of older messages. */
  async loadOlder() {
    await this.#load({ before: this.#oldest });
  }

  async #subscribed(recovered) {
    const turn = ++this.#subscribes;
    if (!recovered) this.#complete = false;
    while (!this.#complete) {
      try {
        await this.#load({});
        this.#complete = true;
        this.ready = true;
        this.#fire("ready");
      } catch (error) {
        if (!passing.has(error.code)) {
          this.#fire("refused", error);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, reloadAfter));
        if (turn !== this.#subscribes) return; // there was another reconnect
      }
    }
    for (const message of this.#outbox) this.#send(message);
  }

  // Loads one page at a time.
  #load(bounds) {
    const page = this.#lastLoad.then(() => this.#loadPage(bounds));
    this.#lastLoad = page.catch(() => {});
    return page;
  }

  // What happens while a page is under way is applied after it, so that an old
  // page cannot undo a newer reaction.
  async #loadPage(bounds) {
    this.#held = [];
    try {
      const { messages, more } = await this.#channel.listMessages({ reverse: true, expandReactions: true, ...bounds });
      const last = messages.at(-1)?.id;
      if (!bounds.before) this.#removeMissing(messages);
      if (!bounds.before && more) this.#forgetIfApart(last);
      if (bounds.before || !this.#oldest) {
        this.hasOlder = more;
        this.#oldest = last ?? this.#oldest;
      }
      for (const frame of messages.reverse()) this.#listed(frame); // the oldest first
    } finally {
      const held = this.#held;
      this.#held = null;
      for (const apply of held) apply();
    }
  }

  #hold(apply) {
    if (this.#held) this.#held.push(apply);
    else apply();
  }

  // After a long time away the newest page may not reach back to what is
  // shown. Rather than show a conversation with a hole, begin again.
  #forgetIfApart(oldest) {
    if ([...this.#messages.keys()].some((id) => id >= oldest)) return;
    for (const message of this.#messages.values()) {
      this.#keys.delete(`${message.uid} ${message.key}`);
      this.#fire("gone", message);
    }
    this.#messages.clear();
    this.#oldest = null;
  }

  // What is not between the newest and the oldest of a page was removed while we were away.
  #removeMissing(page) {
    const listed = new Set(page.map(({ id }) => id));
    for (const id of this.#messages.keys()) {
      if (id < page[0]?.id && id > page.at(-1).id && !listed.has(id)) this.#removed(id);
    }
  }

  #listed(frame) {
    const message = this.#take(frame);
    if (!message) return;
    message.reactions = new Map(
      Object.entries(frame.reactions ?? {}).map(([reaction, { count, items = [] }]) => [
        reaction, { users: new Set(items.map((item) => item.uid)), others: count - items.length },
      ]),
    );
    this.#fire("message", message);
  }

  #arrived(frame) {
    const seen = this.#messages.has(frame.id);
    const message = this.#take(frame);
    if (!message) return;
    this.#setTyping(message.uid, false);
    this.#fire("message", message);
    if (!seen && (message.uid !== this.me || message.kind === "reminder")) this.#fire("arrived", message);
  }

  // Makes a message of a frame, or finds the one that is there already: listed
  // twice, or our own that came back before its acknowledgement. What others
  // send may have any shape.
  #take({ id, event, data, meta, version = 1 }) {
    const known = this.#messages.get(id);
    if (known) {
      this.#edited({ messageId: id, data, version });
      return known;
    }
    const uid = meta?.uid ?? "";
    const text = data?.text;
    const key = typeof data?.key === "string" ? data.key : "";
    if (typeof text !== "string" || (event !== "chat" && event !== "reminder")) return null;
    const twin = key && this.#keys.get(`${uid} ${key}`);
    if (twin) {
      if (twin.id) return null; // sent again after a broken link: shown already
      this.#settle(twin, id);
      return twin;
    }
    const message = {
      id, order: id, kind: event, uid, text, time: timeOf(id), key,
      state: "sent", problem: "", version, reactions: new Map(),
    };
    this.#messages.set(id, message);
    if (key) this.#keys.set(`${uid} ${key}`, message);
    return message;
  }

  async #send(message) {
    // Without a subscription it stays in the outbox, so that all go in order.
    if (message.state !== "sending" || this.#flying.has(message) || !this.#channel.active) return;
    this.#flying.add(message);
    const { text, key } = message;
    try {
      const { id } = await this.#channel.publish("chat", { text, key });
      if (!message.id) this.#settle(message, id);
    } catch (error) {
      // Without an answer it is sent again; its key makes it one message.
      if (noLink.has(error.code) || message.id) return;
      message.state = "failed";
      message.problem = error.message;
    } finally {
      this.#flying.delete(message);
    }
    this.#fire("message", message);
  }

  #settle(message, id) {
    this.#outbox.delete(message);
    this.#messages.set(id, message);
    Object.assign(message, { id, order: id, time: timeOf(id), state: "sent" });
  }

  #edited({ messageId, data, version }) {
    const message = this.#messages.get(messageId);
    if (!message || message.state === "removed" || version <= message.version) return;
    message.version = version;
    if (typeof data?.text === "string") message.text = data.text;
    this.#fire("message", message);
  }

  // It stays to be seen that something was there, until the page is loaded again.
  #removed(id) {
    const message = this.#messages.get(id);
    if (!message || message.state === "removed") return;
    Object.assign(message, { state: "removed", text: "This message was removed", reactions: new Map() });
    this.#fire("message", message);
  }

  #applyReaction({ messageId, reaction, action }, uid) {
    const message = this.#messages.get(messageId);
    if (!message) return; // older than what is loaded
    const who = message.reactions.get(reaction) ?? { users: new Set(), others: 0 };
    if (action === "add") who.users.add(uid);
    else if (!who.users.delete(uid) && uid !== this.me && who.others > 0) who.others--;
    if (who.users.size + who.others > 0) message.reactions.set(reaction, who);
    else message.reactions.delete(reaction);
    this.#fire("message", message);
  }

  #setMembers(members) {
    this.members = members;
    for (const uid of this.typing.keys()) {
      if (!members.some((member) => member.uid === uid)) this.#setTyping(uid, false);
    }
    this.#fire("members");
  }

  #isOther(uid) {
    return uid !== this.me && this.members.some((member) => member.uid === uid);
  }

  #setTyping(uid, on) {
    const was = this.typing.has(uid);
    clearTimeout(this.typing.get(uid));
    if (on) this.typing.set(uid, setTimeout(() => this.#setTyping(uid, false), typingFor));
    else this.typing.delete(uid);
    if (was !== on) this.#fire("typing");
  }

  #setting({ key, data, meta }) {
    if (key !== "settings") return;
    const topic = typeof data?.topic === "string" ? data.topic : "";
    const colour = colours.has(data?.colour) ? data.colour : "indigo";
    const changed = [];
    if (topic !== this.topic) changed.push("topic");
    if (colour !== this.colour) changed.push("colour");
    Object.assign(this, { topic, colour });
    if (changed.length) this.#fire("settings");
    // What comes before history is what the room has been like, not news.
    if (this.ready) for (const what of changed) this.#note(meta?.uid, what);
  }

  #note(uid, key) {
    const who = uid === this.me ? "You" : (uid ?? "Somebody");
    let text = `${who} changed the colour to ${this.colour}`;
    if (key === "topic") {
      text = this.topic ? `${who} changed the topic to “${this.topic}”` : `${who} removed the topic`;
    }
    const order = `${this.#channel.lastId ?? ""} note ${String(++this.#notes).padStart(6, "0")}`;
    this.#fire("message", {
      id: "", order, kind: "note", uid: "", text, time: Date.now(), key: "",
      state: "sent", problem: "", version: 1, reactions: new Map(),
    });
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
