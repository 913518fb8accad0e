const typingFor = 4_000; // ms that somebody counts as typing

/**
 * The conversation on a ticket, as long as it is open. It raises "change", and "seen"
 * for what has come.
 */
export class Talk extends EventTarget {
  #me;
  #offs;
  #messages = new Map(); // by id
  #deleted = new Set(); // ids, which a page of history that is on its way may still have
  #pending = new Set(); // what this page sends
  #reactions = new Map(); // message id → reaction → uids
  #typing = new Map(); // uid → { name, until }
  #lastTyped = 0;

  constructor(client, id, me) {
    super();
    this.#me = me;
    this.id = id;
    this.problem = "";
    this.loaded = false;
    this.channel = client.channel(`presence.ticket.${id}`);
    this.#offs = [
      this.channel.on("message:chat", (m) => this.#add(m)),
      this.channel.on("message:note", (m) => this.#add(m)),
      this.channel.on("message:typing", ({ meta }) => this.#isTyping(meta)),
      this.channel.on("deleted", ({ messageId }) => this.#remove(messageId)),
      this.channel.on("reaction", (r) => this.#reacted(r)),
      this.channel.on("members", () => this.#changed()),
      this.channel.on("storage", () => this.#changed()),
      this.channel.on("subscribed", ({ recovered }) => recovered || this.#load()),
      this.channel.on("unsubscribed", (error) => this.#fail(error)),
    ];
    // If the desk has subscribed this page before, that is taken over.
    if (!this.channel.active) this.channel.subscribe().catch((error) => this.#fail(error));
  }

  end() {
    this.channel.unsubscribe();
    for (const off of this.#offs) off();
  }

  /** The messages in their order, and after them what is not sent yet. */
  get messages() {
    return [...[...this.#messages.values()].sort((a, b) => (a.id < b.id ? -1 : 1)), ...this.#pending];
  }

  /** Who looks at the ticket. */
  get members() {
    return this.channel.members.map(({ uid, umd }) => ({ uid, ...umd }));
  }

  /** The names of those who are writing. */
  get typing() {
    return [...this.#typing.values()].filter(({ until }) => until > Date.now()).map(({ name }) => name);
  }

  get rating() {
    return this.channel.storage.get("rating")?.data ?? 0;
  }

  /** Who has which reaction to a message. */
  reactions(id) {
    return this.#reactions.get(id) ?? new Map();
  }

  say(text) {
    const { uid, name } = this.#me;
    this.send({ text, uid, name });
  }

  /** Sends a message, or once more one that was refused. */
  async send(message) {
    this.#pending.add(message);
    message.state = "sending";
    this.#changed();
    try {
      // If the link breaks, the client sends it again, and it is published once.
      const { id } = await this.channel.publish("chat", { text: message.text });
      message.publishedAs = id;
      // Without an id, it was a command. Otherwise it comes as all messages do.
      if (!id || this.#messages.has(id)) this.#pending.delete(message);
    } catch (error) {
      Object.assign(message, { state: "failed", problem: error.message });
    }
    this.#changed();
  }

  discard(message) {
    this.#pending.delete(message);
    this.#changed();
  }

  typed() {
    if (Date.now() < this.#lastTyped + typingFor / 2) return;
    this.#lastTyped = Date.now();
    this.channel.send("typing");
  }

  async delete(id) {
    await this.channel.deleteMessage(id);
    this.#remove(id);
  }

  async react(id, reaction) {
    const own = this.reactions(id).get(reaction)?.has(this.#me.uid);
    await (own ? this.channel.unreact(id, reaction) : this.channel.react(id, reaction));
  }

  // Loads all there is: a ticket is not long.
  async #load() {
    const stale = new Set(this.#messages.keys());
    try {
      for await (const m of this.channel.history({ expandReactions: true })) {
        this.#add(m);
        stale.delete(m.id);
      }
      for (const id of stale) this.#messages.delete(id); // deleted while nobody told us
      this.loaded = true;
      this.#changed();
    } catch (error) {
      const passing = ["NOT_CONNECTED", "NO_ANSWER", "UNAVAILABLE"].includes(error.code);
      if (passing) setTimeout(() => this.channel.active && this.#load(), 1_000);
      else this.#fail(error);
    }
  }

  #add({ id, event, data, meta, reactions }) {
    if (this.#deleted.has(id)) return;
    this.#messages.set(id, { id, text: data.text, note: event === "note", uid: meta?.uid ?? null, name: meta?.umd?.name ?? "" });
    for (const sent of this.#pending) if (sent.publishedAs === id) this.#pending.delete(sent);
    this.#typing.delete(meta?.uid);
    for (const [reaction, { items = [] }] of Object.entries(reactions ?? {})) {
      for (const { uid } of items) this.#users(id, reaction).add(uid);
    }
    this.#changed();
    this.dispatchEvent(new Event("seen"));
  }

  #remove(id) {
    this.#deleted.add(id);
    this.#messages.delete(id);
    this.#changed();
  }

  #reacted({ messageId, reaction, action, meta }) {
    const users = this.#users(messageId, reaction);
    if (action === "add") users.add(meta.uid);
    else users.delete(meta.uid);
    this.#changed();
  }

  #users(id, reaction) {
    if (!this.#reactions.has(id)) this.#reactions.set(id, new Map());
    const of = this.#reactions.get(id);
    if (!of.has(reaction)) of.set(reaction, new Set());
    return of.get(reaction);
  }

  #isTyping({ uid, umd }) {
    if (uid === this.#me.uid) return; // on another device
    this.#typing.set(uid, { name: umd.name, until: Date.now() + typingFor });
    setTimeout(() => this.#changed(), typingFor);
    this.#changed();
  }

  #fail(error) {
    this.problem = error.message;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
