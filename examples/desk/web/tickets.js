/**
 * The list of tickets. The server is asked for it at first, and again if something may
 * have been missed; what changes meanwhile comes on a channel. It raises "change".
 */
export class Tickets extends EventTarget {
  #me;
  #all = new Map(); // by id
  #loading = null;

  constructor(client, me) {
    super();
    this.client = client;
    this.#me = me;
    const channel = client.channel(me.role === "customer" ? `inbox.${me.uid}` : "presence.staff");
    channel.on("message:ticket", ({ data }) => this.#merge(data));
    channel.on("subscribed", ({ recovered }) => recovered || this.load());
    // The role was lost, and with it most of what the page shows.
    channel.on("unsubscribed", () => location.reload());
    if (me.role !== "customer") channel.subscribe().catch(() => {});
    this.loaded = false;
    addEventListener("hashchange", () => this.#changed());
  }

  /** The id of the ticket that is open, which the address has; 0 for none. */
  get openId() {
    return Number(location.hash.slice(1)) || 0;
  }

  get open() {
    return this.#all.get(this.openId) ?? null;
  }

  /** All, what has changed last first. */
  get all() {
    return [...this.#all.values()].sort((a, b) => b.changed - a.changed);
  }

  /** Asks the server for the list. */
  load() {
    this.#loading ??= this.#load().finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #load() {
    try {
      const list = await this.client.call("ticket.list", {}, { signal: AbortSignal.timeout(10_000) });
      this.#all = new Map(list.map((ticket) => [ticket.id, ticket]));
      this.loaded = true;
      this.#changed();
    } catch (error) {
      // Without a connection, the channel is subscribed again once there is one.
      if (error.code === "UNAVAILABLE") setTimeout(() => this.load(), 2_000);
    }
  }

  /** Adds a ticket that this page has just opened. */
  add(ticket) {
    this.#all.set(ticket.id, { last: null, unread: 0, online: true, ...this.#all.get(ticket.id), ...ticket });
    this.#changed();
  }

  /** Notes that everything on a ticket has been seen. */
  seen(id) {
    const ticket = this.#all.get(id);
    if (!ticket?.unread) return;
    ticket.unread = 0;
    this.#changed();
  }

  #merge(news) {
    if (!news.last) return void this.load(); // something was erased
    const known = this.#all.get(news.id) ?? { unread: 0, online: true };
    // The list may have been asked for after what the notice tells of.
    const newer = !known.last || (news.last && news.last.id > known.last.id);
    const unread = known.unread + (newer && news.last.uid !== this.#me.uid ? 1 : 0);
    this.#all.set(news.id, { ...known, ...news, last: newer ? news.last : known.last, unread });
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
