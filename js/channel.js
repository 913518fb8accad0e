// A channel, as an app has it.
import { Emitter } from "./emitter.js";
import { schedule } from "./option.js";
import { readStream } from "./stream.js";

const fullPage = 100; // entries
const repeats = 3; // of a message, which may be what breaks the connection

const isLast = (page, more) => page.length === 0 || (more !== true && page.length < fullPage);

export const callOf = (method, params) => ({ event: "hotsock.call", data: { method, params } });

export class Channel extends Emitter {
  active = false;
  lastId = null;
  meta = null;
  members = [];
  storage = new Map();
  subscriptionsCount = null;
  #do;

  constructor(name, actions) {
    const present = {
      subscribed: () => (this.active ? [[{ recovered: null, after: null }]] : []),
      members: () => (this.members.length > 0 ? [[this.members, { kind: "all" }]] : []),
      storage: () => [...this.storage.values()].map((entry) => [entry]),
      info: () => {
        const { subscriptionsCount } = this;
        return subscriptionsCount === null ? [] : [[{ channel: name, subscriptionsCount }]];
      },
    };
    super(
      /^(message(:.+)?|subscribed|unsubscribed|members|storage|info|reaction|updated|appended|deleted|erased)$/s,
      (type) => present[type]?.() ?? [],
      actions.changed,
    );
    this.name = name;
    this.#do = actions;
  }

  subscribe(options) {
    return this.#do.join(options);
  }

  unsubscribe() {
    this.#do.leave();
  }

  async publish(event, data, options) {
    if (options) return (await this.#do.request({ event, data, ...schedule(options) })).data;
    const deduplicationId = [...crypto.getRandomValues(new Uint32Array(4))].join();
    return (await this.#do.request({ event, data, deduplicationId }, { repeats })).data;
  }

  send(event, data) {
    return this.#do.send({ event, data });
  }

  async react(messageId, reaction, action = "add") {
    await this.#do.request({ event: "hotsock.messageReaction", data: { messageId, reaction, action } });
  }

  async unreact(messageId, reaction) {
    await this.react(messageId, reaction, "remove");
  }

  async updateMessage(messageId, data, ifVersion) {
    return (await this.#do.request({ event: "hotsock.messageUpdate", data: { messageId, data: data ?? null, ifVersion } })).data;
  }

  async deleteMessage(messageId) {
    await this.#do.request({ event: "hotsock.messageDelete", data: { messageId } });
  }

  async stopStream(messageId) {
    await this.#do.request({ event: "hotsock.streamStop", data: { messageId } });
  }

  stream(message, { signal } = {}) {
    return readStream(this, this.#do.streams, message, signal);
  }

  async reactions(messageId) {
    const all = [];
    for (let after; ; ) {
      const { reactions, next } = await this.#do.call("listReactions", { messageId, after });
      all.push(...reactions);
      if (!next || next === after) return all;
      after = next;
    }
  }

  async get(key) {
    return (await this.#do.request({ event: "hotsock.channelStorageGet", key })).data;
  }

  async set(key, data, options) {
    return (await this.#do.request({ event: "hotsock.channelStorageSet", key, data, ...schedule(options) })).data;
  }

  async update(key, change) {
    let { data, version } = await this.#do.request({ event: "hotsock.channelStorageGet", key, version: true });
    for (;;) {
      const next = (await change(data)) ?? null;
      try {
        await this.#do.request({ event: "hotsock.channelStorageSet", key, data: next, ifVersion: version ?? null });
        return next;
      } catch (error) {
        if (error.code !== "CONFLICT" || !error.current) throw error;
        ({ data, version } = error.current);
      }
    }
  }

  async add(key, number) {
    return (await this.#do.request({ event: "hotsock.channelStorageAdd", key, data: number })).data.data;
  }

  async *entries({ keys } = {}) {
    for (let after; ; ) {
      const { items, more } = await this.#do.call("channelStorageList", { keys, after });
      yield* items;
      if (isLast(items, more)) return;
      after = items.at(-1).key;
    }
  }

  async *schedules() {
    for (let after; ; ) {
      const { schedules, next } = await this.#do.call("listSchedules", { after });
      yield* schedules;
      if (!next || next === after) return;
      after = next;
    }
  }

  async info() {
    return this.#do.call("getChannelInfo");
  }

  async call(method, params, { signal } = {}) {
    return (await this.#do.request(callOf(method, params), { signal, slow: true })).data ?? null;
  }

  async umdUpdate(token) {
    await this.#do.request({ event: "hotsock.umdUpdate", data: { token } });
  }

  async listMessages(options) {
    const { messages, more } = await this.#do.call("listMessages", options);
    return { messages, more: !isLast(messages, more) };
  }

  async *history(options = {}) {
    for (let bounds; ; ) {
      const { messages, more } = await this.listMessages({ ...options, ...bounds });
      yield* messages;
      if (!more) return;
      bounds = { [options.reverse ? "before" : "after"]: messages.at(-1).id };
    }
  }
}
