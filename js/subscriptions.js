// The channels that the app has, and what it wants of them.
import { Channel } from "./channel.js";
import { apply, setEntry } from "./delivery.js";
import { emit, isHeard } from "./emitter.js";
import { HotsockError, noToken, told, unsubscribed } from "./error.js";
import { isId, object } from "./frame.js";
import { setMembers } from "./members.js";
import { ask } from "./option.js";
import { inTime, someDelay } from "./patience.js";

function settleReady(sub, error) {
  if (error) sub.ready?.reject(error);
  else sub.ready?.resolve();
  sub.ready = null;
}

export class Subscriptions {
  #client;
  #connection;
  #jobs;
  #all = new Map(); // by name and alias, weakly
  #kept = new Set(); // those that there is a reason to keep
  #gone = new FinalizationRegistry((name) => this.#all.get(name)?.deref() || this.#all.delete(name));

  constructor(client, connection, jobs) {
    this.#client = client;
    this.#connection = connection;
    this.#jobs = jobs;
  }

  get active() {
    return [...this.#kept].map(({ channel }) => channel).filter(({ active }) => active);
  }

  channel(name) {
    return this.#sub(name).channel;
  }

  opened() {
    for (const sub of this.#kept) if (sub.wanted) this.#join(sub);
  }

  dropped() {
    for (const { channel } of this.#kept) channel.active = false;
  }

  ended(error) {
    for (const sub of this.#kept) {
      settleReady(sub, error);
      for (const end of sub.streams) end(error);
    }
  }

  // job is what the frame answers.
  deliver(frame, data, job) {
    const sub = this.#find(frame);
    if (!sub) return;
    const { event, id, meta = null } = frame;
    const { channel } = sub;
    if (event === "hotsock.members") {
      this.#addPage(sub, data);
      return;
    }
    if (data.autoSubscribed === true && event === "hotsock.subscribed") {
      // It is held for those who only listen.
      if (!sub.auto && sub.wanted !== false) sub.holds.add({});
      sub.auto = true;
    }
    if (sub.joining && !job) return;
    if (event === "hotsock.subscribed") {
      if (job && job.round !== sub.round) return;
      // The server has lost track of what we know.
      if (!job && sub.rewind && data.recovered === false) {
        channel.active = false;
        this.#join(sub);
        return;
      }
      sub.page = data.more === true ? { data, meta } : null;
      if (!sub.page) this.#subscribed(sub, data, meta);
      return;
    }
    if (!channel.active) return;
    if (isId(id)) {
      if (channel.lastId !== null && id <= channel.lastId) return;
      channel.lastId = sub.due-- === 1 ? sub.began : id;
    }
    if (event === "hotsock.unsubscribed") {
      this.#refuse(sub, told(new HotsockError("NOT_SUBSCRIBED", "The server ended the subscription."), data.reason));
    } else apply(sub, frame, data);
  }

  #sub(name) {
    let sub = this.#all.get(name)?.deref();
    if (!sub) {
      // seen: there is something to recover. auto: the server may subscribe it by itself.
      sub = { name, wanted: undefined, holds: new Set(), info: false, seen: false, joining: false, auto: false };
      Object.assign(sub, { leaving: false, round: 0, failures: 0, streams: new Set() });
      sub.channel = new Channel(name, {
        changed: () => this.#keep(sub),
        join: (options) => this.#want(sub, options),
        leave: () => {
          const hold = [...sub.holds].find((hold) => !(hold instanceof AbortSignal));
          if (hold || sub.holds.size === 0) this.#release(sub, hold);
        },
        streams: sub.streams, // functions that end them
        send: (command) => this.#jobs.post({ ...command, channel: name }, sub),
        request: (command, options) => this.#jobs.request({ ...command, channel: name }, { ...options, sub }),
        call: (operation, body) => this.#jobs.call(operation, { channel: name, ...body }, sub),
      });
      this.#name(sub, name);
    }
    return sub;
  }

  #name(sub, name) {
    this.#all.set(name, new WeakRef(sub));
    this.#gone.register(sub, name);
  }

  // The others live as long as the page has their channel.
  #keep(sub) {
    if (sub.wanted === undefined && !isHeard(sub.channel)) this.#kept.delete(sub);
    else this.#kept.add(sub);
  }

  #want(sub, options = {}, hold = options.signal ?? {}) {
    const { token, after, info, rewind, signal } = options;
    if (signal?.aborted) return Promise.reject(unsubscribed());
    // What was given up in this very moment goes on for who wants the same.
    if (sub.leaving && (token !== sub.token || (!sub.ready && (after || rewind)))) this.#leave(sub);
    sub.leaving = false;
    if (!sub.holds.has(hold)) {
      sub.holds.add(hold);
      signal?.addEventListener("abort", () => sub.holds.has(signal) && this.#release(sub, signal));
    }
    const { wanted } = sub;
    const further = rewind && !sub.rewind;
    const more = info && !sub.info; // which alone may be refused
    if ((more || further) && wanted && sub.ready) {
      return sub.ready.promise.then(() => {
        if (!sub.holds.has(hold)) throw unsubscribed();
        return this.#want(sub, options, hold);
      });
    }
    sub.wanted = true;
    sub.token = token ?? sub.token;
    this.#keep(sub);
    if (more || further) {
      if (more) sub.asking = hold;
      sub.info ||= !!info;
      sub.stays = wanted;
      sub.channel.active = false; // The server must be asked, also if it has the subscription.
      if (further) {
        sub.rewind = rewind;
        sub.channel.lastId = null;
      }
    } else if (sub.channel.active) return Promise.resolve();
    else if (wanted && sub.ready) return sub.ready.promise;
    if (after) {
      sub.seen = true;
      sub.channel.lastId = after;
    }
    sub.ready ??= Promise.withResolvers();
    sub.ready.promise.catch(() => {});
    if (this.#connection.state === "open") this.#join(sub);
    return sub.ready.promise;
  }

  // The last who lets go leaves the channel, but not before all of this moment has happened:
  // StrictMode and changes of pages let go, and want it again at once.
  #release(sub, hold) {
    if (!sub.holds.delete(hold)) sub.auto = true; // What the server subscribes is meant.
    if (sub.holds.size > 0 || sub.leaving) return;
    sub.leaving = true;
    queueMicrotask(() => sub.leaving && this.#leave(sub));
  }

  #leave(sub) {
    const error = unsubscribed();
    queueMicrotask(() => sub.wanted || settleReady(sub, error));
    this.#forget(sub, error);
    this.#free(sub, this.#connection.state === "open" && this.#unsubscribe(sub));
  }

  // When the server has answered, nothing comes any more that we have asked for.
  async #free(sub, answered) {
    const { round } = sub;
    await answered;
    if (round !== sub.round || sub.auto) return;
    sub.wanted = undefined;
    this.#keep(sub);
  }

  #unsubscribe(sub) {
    return this.#jobs.request({ event: "hotsock.unsubscribe", channel: sub.name }, { ends: true }).catch(() => {});
  }

  #forget(sub, error) {
    Object.assign(sub, { wanted: false, leaving: false, token: undefined, info: false, rewind: null, seen: false, joining: false });
    Object.assign(sub, { round: sub.round + 1, stale: null });
    sub.holds.clear();
    this.#keep(sub);
    Object.assign(sub.channel, { active: false, lastId: null, members: [], storage: new Map(), subscriptionsCount: null });
    this.#jobs.settleAll(error, (job) => job.joins === sub);
    for (const end of sub.streams) end(error);
    this.#jobs.flush(); // what waited gets the server's answer
  }

  #refuse(sub, error, answered) {
    this.#forget(sub, error);
    settleReady(sub, error);
    this.#free(sub, answered);
    emit(sub.channel, "unsubscribed", error);
  }

  // left: the server was told to leave the channel before.
  async #join(sub, left = false) {
    const turn = this.#connection.turn;
    const round = ++sub.round;
    const current = () => turn === this.#connection.turn && round === sub.round;
    const { name, channel } = sub;
    // What the connect token subscribed sends first comes again after the answer.
    sub.joining = true;
    sub.page = null;
    try {
      const token = await inTime(ask(sub.token, { channel: name, connectionId: this.#connection.connectionId }));
      if (!current()) return;
      const presence = name.startsWith("presence.") ? "changes" : undefined;
      const data = { token, after: channel.lastId, presence, info: sub.info || undefined, rewind: sub.rewind };
      await this.#jobs.request({ event: "hotsock.subscribe", channel: name, data }, { joins: sub });
      sub.failures = 0;
    } catch (error) {
      if (!current()) return;
      const { code } = error;
      if (code === "ALREADY_SUBSCRIBED" && !left) {
        // By the connect token. With another token, it must be left first.
        if (channel.active) return;
        this.#unsubscribe(sub);
        this.#join(sub, true);
      } else if (code === "INFO_PERMISSION_DENIED" && sub.stays) {
        sub.info = false;
        sub.holds.delete(sub.asking);
        settleReady(sub, error);
        this.#join(sub);
      } else if (error instanceof HotsockError && code !== "RATE_LIMITED" && code !== "INTERNAL") {
        // The server may have it all the same.
        this.#refuse(sub, error, (sub.seen || code === "NO_ANSWER") && this.#unsubscribe(sub));
      } else {
        if (!(error instanceof HotsockError)) emit(this.#client, "error", noToken(name, error));
        setTimeout(() => current() && this.#join(sub), someDelay(sub.failures++));
      }
    }
  }

  // The server calls a channel by its real name, the app perhaps by an alias.
  #find({ event, channel, meta }) {
    if (typeof channel !== "string") return null;
    const known = this.#all.get(channel)?.deref();
    if (event !== "hotsock.subscribed") return known;
    const aliased = this.#all.get(object(meta).channelAlias)?.deref();
    const sub = (known?.wanted ? known : aliased) ?? this.#sub(channel);
    if (this.#all.get(channel)?.deref() !== sub) this.#name(sub, channel);
    return sub;
  }

  #subscribed(sub, data, meta) {
    if (sub.wanted === false) {
      this.#unsubscribe(sub); // the app left what the token subscribes
      return;
    }
    const { channel, seen } = sub;
    const after = seen ? channel.lastId : null;
    const recovered = after === null ? null : data.recovered === true;
    const began = isId(data.lastId) ? data.lastId : null;
    const rewound = recovered ? undefined : data.rewound;
    const due = rewound?.messages ?? 0;
    // If what was missed or rewound follows, the place to go on from is still the old one.
    if (!recovered) channel.lastId = !due ? began : after < began ? after : null;
    Object.assign(sub, { wanted: true, seen: true, joining: false, stays: false, began, due });
    Object.assign(channel, { active: true, meta: object(meta) });
    this.#keep(sub);
    this.#findCleared(sub);
    this.#jobs.flush();
    settleReady(sub);
    setMembers(channel, data.members, { kind: "all" });
    emit(channel, "subscribed", { recovered, after, rewound });
    if (!seen) emit(this.#client, "subscribed", channel);
  }

  // The subscription begins with the last page of its members.
  #addPage(sub, { members, more }) {
    if (!Array.isArray(members) || !sub.page) return;
    const { data, meta } = sub.page;
    if (Array.isArray(data.members)) data.members.push(...members);
    if (more === true) return;
    sub.page = null;
    this.#subscribed(sub, data, meta);
  }

  // Nothing tells of entries that were cleared while we were away. The others
  // have come when the server answers.
  async #findCleared(sub) {
    const stale = new Set(sub.channel.storage.keys());
    sub.stale = stale;
    if (stale.size === 0 || !(await this.#jobs.ping()) || stale !== sub.stale) return;
    for (const key of stale) setEntry(sub, { key, data: null, meta: null });
  }
}
