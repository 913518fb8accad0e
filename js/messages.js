// The messages of a channel, for a page to show. messages.d.ts says what everything does.

const retryAfter = 1000; // ms
const pageSize = 100; // of one request
const atMost = 20; // requests for one load
const passing = /^(NOT_CONNECTED|NO_ANSWER|UNAVAILABLE|RATE_LIMITED)$/;

const textOf = (data) => (typeof data === "string" ? data : data?.text);
const withText = (data, text) => (typeof data === "string" ? text : { ...data, text });

export class MessageList {
  #channel;
  #options;
  #listeners = new Set();
  #state;
  #turn = 0; // counts starts, stops and loads: what belongs to an earlier one is void
  #held = null; // what happens while history is loaded, and is done after it
  #oldest; // id of the oldest message that was listed, of whatever event
  #room; // how many messages are kept
  #timer = 0;
  #older = null; // the load that is under way

  constructor(channel, { event, limit = 50, keep = 1000, history = true } = {}) {
    this.#channel = channel;
    this.#options = { event, limit, history };
    this.#room = keep;
    this.#state = { messages: [], more: false, loading: Boolean(channel) && history, error: null };
  }

  listen = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  get = () => this.#state;

  start() {
    const channel = this.#channel;
    if (!channel) return () => {};
    const { event } = this.#options;
    const follow = (type, apply) => channel.on(type, (what) => this.#do(() => apply(what)));
    const offs = [
      follow(event ? `message:${event}` : "message", (message) => this.#put([message])),
      follow("updated", ({ messageId, data, version }) => this.#edit(messageId, version, () => ({ data }))),
      follow("appended", (piece) => this.#append(piece)),
      follow("deleted", ({ messageId }) => this.#remove((id) => id === messageId)),
      follow("erased", ({ id: end }) => this.#remove((id) => id < end)),
      channel.on("subscribed", ({ recovered }) => recovered || this.#load()),
    ];
    return () => {
      this.#stop();
      for (const off of offs) off();
    };
  }

  // The server tells the others of what is done here.
  publish = async (event, data) => {
    const { id } = await this.#channel.publish(event, data);
    const { name: channel, meta } = this.#channel;
    if (id && this.#wants(event)) this.#do(() => this.#put([{ id, event, channel, data: data ?? null, meta }]));
  };

  update = async (messageId, data, ifVersion) => {
    const { version } = await this.#channel.updateMessage(messageId, data, ifVersion);
    this.#do(() => this.#edit(messageId, version, () => ({ data })));
  };

  remove = async (messageId) => {
    await this.#channel.deleteMessage(messageId);
    this.#do(() => this.#remove((id) => id === messageId));
  };

  loadOlder = () => {
    const { more, loading } = this.#state;
    if (!more || loading) return this.#older ?? Promise.resolve();
    this.#older = this.#loadOlder().finally(() => (this.#older = null));
    return this.#older;
  };

  #stop() {
    this.#turn++;
    clearTimeout(this.#timer);
    this.#held = null;
  }

  #set(changes) {
    this.#state = { ...this.#state, ...changes };
    for (const listener of [...this.#listeners]) listener();
  }

  #do(apply) {
    if (this.#held) this.#held.push(apply);
    else apply();
  }

  #release() {
    const held = this.#held ?? [];
    this.#held = null;
    for (const apply of held) apply();
  }

  #wants(event) {
    return !this.#options.event || event === this.#options.event;
  }

  // Nothing is known of what was missed, which also may be that messages were edited: what is
  // shown is loaded again, back to its oldest message, or a page if there is none.
  async #load() {
    if (!this.#options.history) return;
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    const first = this.#state.messages[0]?.id;
    this.#held ??= [];
    this.#set({ loading: true, error: null });
    try {
      const enough = (found, oldest) => (first ? oldest <= first || found >= this.#room : found >= this.#options.limit);
      const page = await this.#list(turn, undefined, first ? pageSize : this.#options.limit, enough);
      if (!page) return;
      this.#oldest = page.oldest;
      this.#put(page.messages, { messages: [], more: page.more, loading: false });
    } catch (error) {
      if (turn !== this.#turn) return;
      if (passing.test(error.code)) this.#timer = setTimeout(() => this.#load(), retryAfter);
      // Who may not list messages gets those that come.
      else this.#set({ loading: false, error: error.code === "HISTORY_PERMISSION_DENIED" ? null : error });
    }
    this.#release();
  }

  async #loadOlder() {
    const turn = this.#turn;
    this.#held = [];
    this.#set({ loading: true });
    try {
      const { limit } = this.#options;
      const page = await this.#list(turn, this.#oldest, limit, (found) => found >= limit);
      if (!page) return;
      this.#oldest = page.oldest ?? this.#oldest;
      this.#room += page.messages.length;
      this.#put(page.messages, { more: page.more, loading: false, error: null });
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#set({ loading: false, error });
    }
    this.#release();
  }

  // Lists messages before an id until there are enough; null if that is not wanted any more.
  async #list(turn, before, size, enough) {
    const limit = Math.min(size, pageSize);
    const found = [];
    for (let requests = 1; ; requests++) {
      const page = await this.#channel.listMessages({ reverse: true, limit, before });
      if (turn !== this.#turn) return null;
      found.push(...page.messages.filter(({ event }) => this.#wants(event)));
      before = page.messages.at(-1)?.id ?? before;
      if (!page.more || requests === atMost || enough(found.length, before)) {
        return { messages: found.reverse(), more: page.more, oldest: before };
      }
    }
  }

  #put(added, changes) {
    const { messages } = { ...this.#state, ...changes };
    const newest = messages.at(-1)?.id ?? "";
    let all;
    if (added.length === 1 && added[0].id > newest) {
      all = [...messages, added[0]];
    } else {
      const known = new Map(messages.map((message) => [message.id, message]));
      for (const message of added) {
        // What is shown may be newer than what was listed.
        if ((message.version ?? 1) >= (known.get(message.id)?.version ?? 0)) known.set(message.id, message);
      }
      all = [...known.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    }
    if (all.length <= this.#room) return this.#set({ ...changes, messages: all });
    const kept = all.slice(-this.#room);
    this.#oldest = kept[0].id;
    this.#set({ ...changes, messages: kept, more: this.#options.history });
  }

  #edit(id, version, change) {
    const { messages } = this.#state;
    const at = messages.findIndex((message) => message.id === id && version > (message.version ?? 1));
    if (at >= 0) this.#set({ messages: messages.with(at, { ...messages[at], version, ...change(messages[at]) }) });
  }

  #append({ messageId, version, offset, text, stream }) {
    const message = this.#state.messages.find(({ id }) => id === messageId);
    const now = message?.version ?? 1;
    if (!message || version <= now) return;
    const before = textOf(message.data) ?? "";
    if (version > now + 1 || offset !== before.length) return void this.#load();
    this.#edit(messageId, version, ({ data }) => ({ data: withText(data, before + text), stream: stream ?? message.stream }));
  }

  #remove(matches) {
    const { messages } = this.#state;
    if (messages.some(({ id }) => matches(id))) this.#set({ messages: messages.filter(({ id }) => !matches(id)) });
  }
}
