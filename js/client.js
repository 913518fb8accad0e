// The Hotsock client for browsers. client.d.ts says what everything does.
import { HotsockSocket } from "./socket.js";

const connectWithin = 15_000; // ms from asking for a token to hotsock.connected
const grace = 1_000; // ms, for what has arrived when time is up
const hangsAfter = 1_000; // ms; an attempt that takes so long may never end
const steadyAfter = 5_000; // ms; a connection that answers then was a success
const firstDelay = 1_000; // ms; the longest wait before the first reconnect
const longestDelay = 30_000; // ms
const fullPage = 100; // entries
const keptFor = 3; // attempts that have to fail where a WebSocket did get through
const firstTrial = 60_000; // ms; the longest wait before a WebSocket is tried where none got through
const longestTrial = 3_600_000; // ms
const repeats = 3; // of a message, which may be what breaks the connection

export class HotsockError extends Error {
  name = "HotsockError";

  constructor(code, message, options) {
    super(message || code, options);
    this.code = code;
  }
}

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

export function timeOf(id) {
  let ms = 0;
  for (const c of id.slice(0, 10)) ms = ms * 32 + digits.indexOf(c);
  return ms;
}

// Where the handler has served this file, by a line that it adds.
let here;

let emit, isHeard;

// A listener's mistake harms neither other listeners nor the connection.
function tell(own, args) {
  own.told = true;
  try {
    own.listener(...args);
  } catch (error) {
    reportError(error);
  }
}

class Emitter {
  #types;
  #present; // gives the arguments of the calls that tell a late listener how things are
  #changed; // is called when the listeners are other ones
  #listeners = new Map();

  constructor(types, present, changed) {
    this.#types = types;
    this.#present = present;
    this.#changed = changed;
  }

  static {
    emit = (target, type, ...args) => {
      for (const own of [...(target.#listeners.get(type) ?? [])]) tell(own, args);
    };
    isHeard = (target) => [...target.#listeners.values()].some(({ size }) => size > 0);
  }

  on(type, listener) {
    if (!this.#types.test(type)) throw new TypeError(`There is no event "${type}" to listen to.`);
    if (typeof listener !== "function") throw new TypeError(`What listens to "${type}" is no function.`);
    const own = { listener, told: false }; // given twice, called twice
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(own));
    this.#changed?.();
    // By then the page has what is returned here.
    queueMicrotask(() => {
      if (!own.told && listeners.has(own)) for (const args of this.#present(type)) tell(own, args);
    });
    return () => {
      listeners.delete(own);
      this.#changed?.();
    };
  }
}

export class Client extends Emitter {
  state = "closed";
  retryAt = 0;
  failure = null;
  connectionId = null;
  #url;
  #token;
  #tokenInURL;
  #timeout;
  #heartbeat;
  #turn = 0; // counts attempts and ends: what belongs to an earlier one is void
  #timer = 0; // of the wait before an attempt, or of the proof that it was a success
  #patience = null; // with the attempt, then with the connection
  #began = 0; // the attempt
  #beat = 0;
  #failures = 0;
  #sockets;
  #socket = 0; // which of them is used
  #bound = 1; // how often in a row the first one has to fail before the next one is used
  #refusals = 0; // how often it has
  #trials = 0; // of the first one, beside a connection of another kind
  #trialAt = 0; // when it is used again, by performance.now()
  #trial = 0; // the timer of that
  #found = null; // what is tried
  #ws = null;
  #written = 0; // bytes given to it
  #carried = 0; // of them, when last looked at
  #credentials = null;
  #uid = null;
  #subs = new Map(); // by name and alias, weakly
  #kept = new Set(); // those that there is a reason to keep
  #gone = new FinalizationRegistry((name) => this.#subs.get(name)?.deref() || this.#subs.delete(name));
  #jobs = new Map(); // what waits to be sent or answered, by ref, in order
  #lastRef = 0;
  #watch = null; // ends listening to the browser

  constructor({ url = here, token, tokenInURL = false, sockets = [globalThis.WebSocket, HotsockSocket], heartbeat = 30_000, timeout = 10_000 } = {}) {
    super(/^(state|subscribed|error)$/, (type) => {
      if (type === "state") return this.state === "closed" ? [] : [[this.state]];
      return type === "subscribed" ? [...this.#kept].filter((sub) => sub.channel.active).map((sub) => [sub.channel]) : [];
    });
    if (url === undefined) throw new TypeError("The client needs the url of its server.");
    if (!["string", "function"].includes(typeof (token ?? ""))) throw new TypeError("A token is a string or a function.");
    this.#url = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace("ws", "http");
    if (!/^https?:$/.test(this.#url.protocol)) throw new TypeError(`There is no server at ${this.#url}.`);
    this.#url.hash = "";
    // With those of a page's address, fetch would refuse it.
    this.#url.username = this.#url.password = "";
    if (!this.#url.pathname.endsWith("/")) this.#url.pathname += "/";
    this.#token = token;
    this.#tokenInURL = tokenInURL;
    this.#sockets = sockets;
    this.#heartbeat = heartbeat === 0 ? 0 : milliseconds("heartbeat", heartbeat, 1000);
    this.#timeout = milliseconds("timeout", timeout, 1);
  }

  connect() {
    if (this.state === "connecting" || this.state === "open") return;
    if (this.state === "closed") this.#listen();
    this.#open();
  }

  close() {
    this.#end(new HotsockError("NOT_CONNECTED", "The client was closed."));
  }

  channel(name) {
    if (typeof name !== "string" || !name) throw new TypeError("A channel needs a name.");
    return this.#sub(name).channel;
  }

  async call(method, params, { signal } = {}) {
    return (await this.#request(callOf(method, params), { signal, slow: true })).data ?? null;
  }

  async umdUpdate(token) {
    await this.#request({ event: "hotsock.umdUpdate", data: { token } });
  }

  async refresh(token) {
    token ??= await ask(this.#token);
    await this.#request({ event: "hotsock.refresh", data: { token } }, { ends: true });
    if (typeof this.#token === "string") this.#token = token;
  }

  async cancelSchedule(scheduleArn) {
    await this.#call("cancelSchedule", { scheduleArn });
  }

  #sub(name) {
    let sub = this.#subs.get(name)?.deref();
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
        send: (command) => {
          const ready = this.#isReady(sub);
          if (ready) this.#write(JSON.stringify({ ...command, channel: name }));
          return ready;
        },
        request: (command, options) => this.#request({ ...command, channel: name }, { ...options, sub }),
        call: (operation, body) => this.#call(operation, { channel: name, ...body }, sub),
      });
      this.#name(sub, name);
    }
    return sub;
  }

  #name(sub, name) {
    this.#subs.set(name, new WeakRef(sub));
    this.#gone.register(sub, name);
  }

  // The others live as long as the page has their channel.
  #keep(sub) {
    if (sub.wanted === undefined && !isHeard(sub.channel)) this.#kept.delete(sub);
    else this.#kept.add(sub);
  }

  async #open(found) {
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    this.#began = performance.now();
    if (this.#began >= this.#trialAt) this.#socket = 0;
    this.#patience = watchdog(connectWithin, () => this.#broken(turn, tooLate()));
    this.#enter("connecting");
    try {
      const ws = found ?? (await this.#dial(turn, this.#sockets[this.#socket]));
      if (turn !== this.#turn) return ws?.close();
      this.#ws = ws;
      ws.onmessage = (e) => turn === this.#turn && this.#receive(e.data);
      ws.onclose = (e) => this.#broken(turn, told(noConnection(ending(e)), e.code === 1012 || e.code === 4403 ? e.reason : ""), e);
    } catch (error) {
      if (turn !== this.#turn) return;
      if (error instanceof HotsockError) this.#end(error);
      else this.#broken(turn, error instanceof Error ? error : new Error(String(error)));
    }
  }

  // Gives no socket if the turn is over before it has a token.
  async #dial(turn, Socket) {
    const token = await ask(this.#token);
    if (turn !== this.#turn) return;
    const url = this.#address("", token && this.#tokenInURL ? { token } : {});
    url.protocol = url.protocol.replace("http", "ws");
    // Logs have the URL of a request.
    return new Socket(url, token && !this.#tokenInURL ? ["hotsock", `hotsock.token.${token}`] : []);
  }

  // A server that is away is so for all kinds of sockets: each attempt is of one kind only,
  // and perhaps the next one is of another.
  #refused() {
    if (this.#socket === 0 && ++this.#refusals < this.#bound) return;
    this.#refusals = 0; // If no other kind gets through either, this says nothing of the first.
    this.#socket = (this.#socket + 1) % this.#sockets.length;
    this.#postpone();
  }

  #postpone() {
    const wait = Math.min(longestTrial, firstTrial * 4 ** this.#trials);
    this.#trialAt = performance.now() + (wait * (1 + Math.random())) / 2;
  }

  // The connection stays until the first kind has got through, and as long as anything is
  // under way on it.
  #tryFirst(turn) {
    const isIdle = () => turn === this.#turn && this.#jobs.size === 0;
    const again = () => {
      if (turn !== this.#turn) return;
      this.#postpone();
      this.#tryFirst(turn);
    };
    this.#trial = setTimeout(async () => {
      if (!isIdle()) return again();
      this.#trials++; // It may cost a token, whatever comes of it.
      const ws = await this.#dial(turn, this.#sockets[0]).catch(() => null);
      if (!ws) return again();
      if (turn !== this.#turn) return ws.close();
      this.#found = ws;
      const patience = watchdog(connectWithin, () => ws.close());
      ws.onclose = () => {
        patience.stop();
        again();
      };
      ws.onmessage = (e) => {
        patience.stop();
        ws.onmessage = ws.onclose = this.#found = null;
        if (!isIdle()) {
          ws.close(4001);
          return again();
        }
        this.#drop();
        this.#socket = 0;
        this.#open(ws);
        ws.onmessage?.(e);
      };
    }, this.#trialAt - performance.now());
  }

  #address(path, parameters) {
    const url = new URL(this.#url);
    url.pathname += path;
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }

  #connected({ connectionId, connectionSecret }, { uid }) {
    this.#uid = uid;
    this.#patience.stop();
    this.#patience = watchdog(this.#timeout, () => this.#silent());
    // The pong comes behind all that is due: what breaks before would do so again.
    const turn = this.#turn;
    this.#timer = setTimeout(async () => {
      if ((await this.#ping()) && turn === this.#turn) this.#failures = 0;
    }, steadyAfter);
    this.#written = this.#carried = 0;
    this.connectionId = connectionId;
    this.failure = null;
    this.#credentials = { connectionId, connectionSecret };
    if (this.#socket > 0) this.#tryFirst(turn);
    else [this.#bound, this.#refusals, this.#trials] = [keptFor, 0, 0];
    if (this.#heartbeat) this.#beat = setInterval(() => this.#ping(), this.#heartbeat);
    this.state = "open";
    for (const sub of this.#kept) if (sub.wanted) this.#join(sub);
    this.#flush();
    this.#enter("open");
  }

  #broken(turn, failure, { code, reason } = {}) {
    if (turn !== this.#turn) return;
    this.failure = failure;
    // What such a server has not answered it has not done, and is sent again.
    if (reason === "Going away, all answered")
      for (const job of this.#jobs.values()) if (!job.ends) this.#unsend(job);
    if (code === 1009) for (const job of this.#jobs.values()) job.repeats = 0; // One of them is too long.
    const opening = this.state === "connecting" && this.#ws;
    // Without any token, it is the app that refuses, and perhaps lets in later.
    const final = typeof this.#token === "string" || (!this.#token && !opening);
    this.#drop(failure);
    if (code === 4403 || (code === 1008 && final)) {
      this.#end(told(new HotsockError("UNAUTHORIZED", "The server ended the connection."), failure.reason));
      return;
    }
    // A WebSocket that ends with a code has got through.
    if (opening && (this.#socket > 0 || (code ?? 1006) === 1006)) this.#refused();
    // The whole delay is random, so that a server's clients do not come back together.
    // Browsers that say they are offline can be wrong.
    const delay = someDelay(this.#failures++);
    this.#wait(globalThis.navigator?.onLine === false ? longestDelay : delay);
  }

  #wait(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), delay);
    this.retryAt = Date.now() + delay;
    this.#enter("waiting");
  }

  #end(error) {
    if (this.state === "closed") return;
    this.failure = error.code === "NOT_CONNECTED" ? null : error;
    this.#drop(error, 1000);
    this.#watch.abort();
    for (const job of this.#jobs.values()) this.#settle(job, error);
    for (const sub of this.#kept) {
      settleReady(sub, error);
      for (const end of sub.streams) end(error);
    }
    this.#failures = 0;
    this.#enter("closed");
    if (error.code !== "NOT_CONNECTED") emit(this, "error", error);
  }

  // What was sent and not answered has an unknown outcome, unless it can be sent again;
  // the rest waits on. 4001: we come back.
  #drop(cause, code = 4001) {
    this.#turn++;
    clearTimeout(this.#timer);
    clearTimeout(this.#trial);
    this.#found?.close();
    this.#found = null;
    this.#patience?.stop();
    clearInterval(this.#beat);
    const ws = this.#ws;
    this.#ws = this.#credentials = this.connectionId = null;
    ws?.close(code);
    for (const { channel } of this.#kept) channel.active = false;
    for (const job of this.#jobs.values()) if (job.sent) this.#doubt(job, noAnswer(cause));
  }

  // The server knows a message that the same user publishes again.
  #doubt(job, error) {
    job.doubt ??= error;
    job.uid ??= this.#uid;
    if (job.uid && job.repeats--) this.#unsend(job);
    else this.#settle(job, error);
  }

  #enter(state) {
    this.state = state;
    emit(this, "state", state);
  }

  // The browser knows sooner than a timer when a link may have died or can be
  // had again; and timers of hidden pages hardly run.
  #listen() {
    this.#watch = new AbortController();
    const options = { signal: this.#watch.signal };
    const wake = ({ type }) => {
      const online = type === "online";
      const begun = this.state === "connecting" && performance.now() < this.#began + hangsAfter;
      if (online) this.#trialAt = this.#trials = 0; // perhaps another network
      if (this.state === "open") this.#ping();
      if (this.state === "open" || type === "offline" || (begun && !online)) return;
      this.#drop(tooLate()); // an attempt that hangs
      if (online) this.#wait(someDelay(0)); // others are back now, too
      else this.#open();
    };
    for (const type of ["online", "offline"]) globalThis.addEventListener?.(type, wake, options);
    globalThis.addEventListener?.("pageshow", (e) => e.persisted && wake(e), options);
    const page = globalThis.document;
    page?.addEventListener("resume", wake, options);
    page?.addEventListener("visibilitychange", (e) => page.hidden || wake(e), options);
  }

  async #ping() {
    const before = this.#due();
    const pong = await this.#request({ event: "hotsock.ping" }, { ends: true }).catch(() => null);
    // Commands are answered in their order.
    if (pong) for (const job of before) if (this.#jobs.has(job.ref)) this.#settle(job, noAnswer(tooLate()));
    return pong;
  }

  // What should be answered at once.
  #due() {
    return [...this.#jobs.values()].filter((job) => job.sent && !job.kept);
  }

  // A server that does not answer is out of reach, unless the link is busy with
  // what it has been given.
  #silent() {
    if (this.#due().length === 0) return;
    const carried = this.#written - this.#ws.bufferedAmount;
    if (this.#ws.bufferedAmount > 0 && carried > this.#carried) this.#patience.heard();
    else this.#broken(this.#turn, noConnection("The server did not answer in time."));
    this.#carried = carried;
  }

  #write(text) {
    const before = this.#ws.bufferedAmount;
    this.#ws.send(text);
    this.#written += this.#ws.bufferedAmount - before;
  }

  // Resolves with the answer to a command or, for none, with the credentials of
  // a connection. It waits for sub's subscription; joins is what it subscribes. What is
  // slow is answered out of turn, and perhaps late. What ends with its connection means
  // nothing on another.
  #request(command, { sub, joins, ends = !!joins, slow = false, signal, repeats = 0 } = {}) {
    return new Promise((resolve, reject) => {
      const ref = String(++this.#lastRef);
      const text = command && JSON.stringify({ ...command, ref });
      if (this.state === "closed" || signal?.aborted) throw notConnected();
      const job = { ref, text, sub, joins, ends, resolve, reject, repeats, sent: false, kept: slow };
      job.round = joins?.round;
      const giveUp = () => this.#settle(job, job.sent ? noAnswer(signal.reason) : notConnected());
      signal?.addEventListener("abort", giveUp);
      job.ended = () => signal?.removeEventListener("abort", giveUp);
      job.patience = watchdog(this.#timeout, () => {
        // On a slow link, the answer to its subscribe may still be on its way.
        if (sub && this.#due().some((due) => due.joins === sub)) job.patience.heard();
        else this.#settle(job, notConnected());
      });
      this.#jobs.set(ref, job);
      this.#send(job);
    });
  }

  #send(job) {
    if (job.sent || !this.#isReady(job.sub)) return;
    if (!job.text) return this.#settle(job, null, this.#credentials);
    if (job.doubt && job.uid !== this.#uid) return this.#settle(job, job.doubt);
    job.patience.stop();
    if (this.#due().length === 0) this.#patience.heard();
    job.sent = true;
    this.#write(job.text);
  }

  #unsend(job) {
    if (job.sent) job.patience.heard();
    job.sent = false;
  }

  #isReady(sub) {
    return this.state === "open" && this.#ws.readyState === WebSocket.OPEN && (!sub?.wanted || sub.channel.active);
  }

  #flush() {
    for (const job of this.#jobs.values()) this.#send(job);
  }

  #settle(job, error, answer) {
    job.patience.stop();
    job.ended();
    this.#jobs.delete(job.ref);
    if (error) job.reject(job.doubt ?? error);
    else job.resolve(answer);
  }

  async #call(operation, body, sub) {
    for (;;) {
      const credentials = await this.#request(null, { sub });
      const url = this.#address(`connection/${operation}`, credentials);
      const abort = new AbortController();
      const patience = watchdog(this.#timeout, () => abort.abort(tooLate()));
      let response, answer;
      try {
        response = await fetch(url, { method: "POST", body: JSON.stringify(body), signal: abort.signal });
        const heard = new TransformStream({ transform: (part, to) => (patience.heard(), to.enqueue(part)) });
        answer = await new Response(response.body.pipeThrough(heard)).json();
      } catch (cause) {
        throw noAnswer(cause);
      } finally {
        patience.stop();
      }
      if (response.ok) return answer;
      if (response.status === 401) {
        // The connection has ended, perhaps unnoticed yet.
        await this.#ping();
        if (credentials !== this.#credentials) continue;
      }
      throw new HotsockError(String(answer?.error?.code ?? "INTERNAL"), answer?.error?.message);
    }
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
    if (this.state === "open") this.#join(sub);
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
    this.#free(sub, this.state === "open" && this.#unsubscribe(sub));
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
    return this.#request({ event: "hotsock.unsubscribe", channel: sub.name }, { ends: true }).catch(() => {});
  }

  #forget(sub, error) {
    Object.assign(sub, { wanted: false, leaving: false, token: undefined, info: false, rewind: null, seen: false, joining: false });
    Object.assign(sub, { round: sub.round + 1, stale: null });
    sub.holds.clear();
    this.#keep(sub);
    Object.assign(sub.channel, { active: false, lastId: null, members: [], storage: new Map(), subscriptionsCount: null });
    for (const job of this.#jobs.values()) if (job.joins === sub) this.#settle(job, error);
    for (const end of sub.streams) end(error);
    this.#flush(); // what waited gets the server's answer
  }

  #refuse(sub, error, answered) {
    this.#forget(sub, error);
    settleReady(sub, error);
    this.#free(sub, answered);
    emit(sub.channel, "unsubscribed", error);
  }

  // left: the server was told to leave the channel before.
  async #join(sub, left = false) {
    const turn = this.#turn;
    const round = ++sub.round;
    const current = () => turn === this.#turn && round === sub.round;
    const { name, channel } = sub;
    // What the connect token subscribed sends first comes again after the answer.
    sub.joining = true;
    sub.page = null;
    try {
      const token = await inTime(ask(sub.token, { channel: name, connectionId: this.connectionId }));
      if (!current()) return;
      const presence = name.startsWith("presence.") ? "changes" : undefined;
      const data = { token, after: channel.lastId, presence, info: sub.info || undefined, rewind: sub.rewind };
      await this.#request({ event: "hotsock.subscribe", channel: name, data }, { joins: sub });
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
        if (!(error instanceof HotsockError)) emit(this, "error", noToken(name, error));
        setTimeout(() => current() && this.#join(sub), someDelay(sub.failures++));
      }
    }
  }

  #receive(text) {
    if (this.state === "open") this.#patience.heard();
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {}
    if (typeof frame?.event !== "string") {
      emit(this, "error", new HotsockError("INVALID_JSON", "The server sent what is no frame."));
      return;
    }
    const { event, ref } = frame;
    const data = object(frame.data);
    const job = this.#jobs.get(ref);
    if (event === "hotsock.connected") {
      if (this.state === "connecting") this.#connected(data, object(frame.meta));
    } else if (event === "hotsock.error") {
      this.#failed(object(frame.error), job, frame.channel);
    } else {
      const sub = this.#find(frame);
      if (sub) this.#deliver(sub, frame, data, job);
      if (job) this.#settle(job, null, frame);
    }
  }

  #failed({ code, message, current }, job, channel) {
    const error = Object.assign(new HotsockError(String(code ?? "INTERNAL"), message), { channel, current });
    // While its store is away, the server keeps a subscribe and completes it.
    if (job?.joins && error.code === "UNAVAILABLE") job.kept = true;
    else if (job) this.#settle(job, error);
    else emit(this, "error", error);
  }

  // The server calls a channel by its real name, the app perhaps by an alias.
  #find({ event, channel, meta }) {
    if (typeof channel !== "string") return null;
    const known = this.#subs.get(channel)?.deref();
    if (event !== "hotsock.subscribed") return known;
    const aliased = this.#subs.get(object(meta).channelAlias)?.deref();
    const sub = (known?.wanted ? known : aliased) ?? this.#sub(channel);
    if (this.#subs.get(channel)?.deref() !== sub) this.#name(sub, channel);
    return sub;
  }

  #deliver(sub, frame, data, job) {
    const { event, id, key, meta = null } = frame;
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
    switch (event) {
      case "hotsock.unsubscribed":
        this.#refuse(sub, told(new HotsockError("NOT_SUBSCRIBED", "The server ended the subscription."), data.reason));
        break;
      case "hotsock.memberAdded":
      case "hotsock.memberUpdated":
      case "hotsock.memberRemoved":
        this.#setMembers(sub, data.members, { kind: event.slice(14).toLowerCase(), member: data.member });
        break;
      case "hotsock.memberChanged":
        this.#changeMembers(sub, data);
        break;
      case "hotsock.membersChanged":
        this.#changeTogether(sub, data);
        break;
      case "hotsock.channelStorageUpdated":
        if (typeof key === "string") this.#setEntry(sub, { key, data: frame.data ?? null, meta });
        break;
      case "hotsock.channelInfo":
        if (!Number.isInteger(data.subscriptionsCount)) break;
        channel.subscriptionsCount = data.subscriptionsCount;
        emit(channel, "info", { channel: frame.channel, subscriptionsCount: data.subscriptionsCount });
        break;
      case "hotsock.messageReactionAdded":
      case "hotsock.messageReactionRemoved":
        emit(channel, "reaction", { ...data, id, meta: object(meta) });
        break;
      case "hotsock.messageUpdated":
      case "hotsock.messageAppended":
      case "hotsock.messageDeleted":
        emit(channel, event.slice(15).toLowerCase(), { ...data, id, meta });
        break;
      case "hotsock.channelErased":
        emit(channel, "erased", { id });
        break;
      default:
        if (event.startsWith("hotsock.") || !isId(id)) break;
        const message = { id, event, channel: frame.channel, data: frame.data ?? null, meta };
        if (frame.version) Object.assign(message, { version: frame.version, updatedAt: frame.updatedAt });
        if (frame.stream) message.stream = frame.stream;
        emit(channel, "message", message);
        emit(channel, `message:${event}`, message);
    }
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
    this.#flush();
    settleReady(sub);
    this.#setMembers(sub, data.members, { kind: "all" });
    emit(channel, "subscribed", { recovered, after, rewound });
    if (!seen) emit(this, "subscribed", channel);
  }

  // Nothing tells of entries that were cleared while we were away. The others
  // have come when the server answers.
  async #findCleared(sub) {
    const stale = new Set(sub.channel.storage.keys());
    sub.stale = stale;
    if (stale.size === 0 || !(await this.#ping()) || stale !== sub.stale) return;
    for (const key of stale) this.#setEntry(sub, { key, data: null, meta: null });
  }

  // One of many changes at once, for which the list would be too much.
  #changeMembers(sub, { change: kind, member }) {
    if (typeof object(member).uid !== "string") return;
    const members = sub.channel.members.slice();
    const known = members.findIndex(({ uid }) => uid === member.uid);
    const place = known < 0 ? members.length : known;
    members.splice(place, known < 0 ? 0 : 1, ...(kind === "removed" ? [] : [member]));
    this.#setMembers(sub, members, { kind, member });
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

  // What was added goes to the end, also if it is there already.
  #changeTogether({ channel }, data) {
    const list = (name) => (Array.isArray(data[name]) ? data[name] : []);
    const members = (name) => list(name).filter((member) => typeof object(member).uid === "string");
    const [removed, updated, added] = [list("removed"), members("updated"), members("added")];
    const old = new Map(channel.members.map((member) => [member.uid, member]));
    const now = new Map(old);
    for (const uid of [...removed, ...added.map(({ uid }) => uid)]) now.delete(uid);
    const named = [...updated.filter(({ uid }) => now.has(uid)), ...added];
    for (const member of named) now.set(member.uid, member);
    channel.members = [...now.values()];
    const tell = (kind, member) => emit(channel, "members", channel.members, { kind, member });
    for (const uid of removed) if (old.has(uid) && !now.has(uid)) tell("removed", old.get(uid));
    for (const member of named) {
      const was = old.get(member.uid);
      if (!was) tell("added", member);
      else if (JSON.stringify(was) !== JSON.stringify(member)) tell("updated", member);
    }
  }

  #setMembers({ channel }, members, change) {
    if (!Array.isArray(members)) return;
    channel.members = members;
    emit(channel, "members", members, change);
  }

  #setEntry({ channel, stale }, entry) {
    stale?.delete(entry.key);
    if (entry.data === null) channel.storage.delete(entry.key);
    else channel.storage.set(entry.key, entry);
    emit(channel, "storage", entry);
  }
}

class Channel extends Emitter {
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

  async *stream(message, { signal } = {}) {
    const messageId = message?.id ?? message;
    if (!isId(messageId)) throw new TypeError("A stream needs a message.");
    let [text, version, pieces, stale, failures] = ["", 0, [], true, 0];
    let changed, ended;
    let change = Promise.resolve();
    const note = (data) => {
      if (data.messageId && data.messageId !== messageId) return;
      // More than that is read at once.
      if (data.offset !== undefined && pieces.length < 1000) pieces.push(data);
      else stale = true;
      if (!failures || !data.version) changed?.(); // else it waits before it asks again
    };
    const offs = ["appended", "updated", "deleted", "erased", "subscribed"].map((type) => this.on(type, note));
    const end = (error) => note({ error: (ended = error) });
    this.#do.streams.add(end);
    signal?.addEventListener("abort", note);
    try {
      for (;;) {
        await change;
        change = new Promise((resolve) => (changed = resolve));
        signal?.throwIfAborted();
        if (ended) throw ended;
        const came = pieces.splice(0);
        if (stale) {
          stale = false;
          let messages;
          try {
            ({ messages } = await this.listMessages({ after: before(messageId), limit: 1 }));
            failures = 0;
          } catch (error) {
            if (!passing.test(error.code)) throw error;
            stale = true;
            setTimeout(changed, someDelay(failures++));
            continue;
          }
          const [{ id, data, stream, version: now = 1 } = {}] = messages;
          if (id !== messageId) throw new HotsockError("MESSAGE_NOT_FOUND", "There is no such stored message.");
          const all = String(data?.text ?? (typeof data === "string" ? data : ""));
          came.unshift({ version: now, offset: 0, text: all, stream: stream ?? { state: "complete" } });
          version = now - 1;
        }
        for (const piece of came) {
          if (piece.version <= version) continue;
          if (piece.version > version + 1) {
            stale = true;
            changed();
            break;
          }
          const { state = "open", reason } = piece.stream ?? {};
          const end = piece.offset + piece.text.length;
          // What the server's store has lost comes again.
          const known = text.slice(piece.offset, end);
          if (!piece.text.startsWith(known) || (end < text.length && state === "complete")) throw aborted("ABORTED", "changed");
          version = piece.version;
          const rest = piece.text.slice(known.length);
          text += rest;
          signal?.throwIfAborted();
          if (rest) yield rest;
          if (state === "complete") return;
          if (state !== "open") throw aborted(state.toUpperCase(), reason);
        }
      }
    } finally {
      for (const off of offs) off();
      signal?.removeEventListener("abort", note);
      this.#do.streams.delete(end);
    }
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

// The id right before one.
const before = (id) => id.replace(/([^0])(0*)$/, (_, c, zeros) => digits[digits.indexOf(c) - 1] + zeros.replace(/0/g, "Z"));

const passing = /^(NOT_CONNECTED|NO_ANSWER|UNAVAILABLE|RATE_LIMITED)$/;

const aborted = (how, reason) => told(new HotsockError(`STREAM_${how}`, `The stream is ${how.toLowerCase()}.`), reason);

const callOf = (method, params) => ({ event: "hotsock.call", data: { method, params } });

const isLast = (page, more) => page.length === 0 || (more !== true && page.length < fullPage);

const someDelay = (failures) => Math.random() * Math.min(longestDelay, firstDelay * 2 ** failures);

const noAnswer = (cause) =>
  new HotsockError("NO_ANSWER", `No answer came: it may have been done or not. ${cause?.message ?? cause}`, { cause });
const noConnection = (why) => new HotsockError("NOT_CONNECTED", why);
const noToken = (name, cause) =>
  new HotsockError("NO_TOKEN", `No token for ${name}: ${cause?.message ?? cause}`, { cause });
const told = (error, reason) => (reason ? Object.assign(error, { reason }) : error);
const tooLate = () => noConnection("Nothing came in time.");
const unsubscribed = () => new HotsockError("NOT_SUBSCRIBED", "Unsubscribed.");
const notConnected = () => new HotsockError("NOT_CONNECTED", "Not connected: nothing was sent.");

// Browsers say no more: not even whether there is a server.
const ending = ({ code, reason }) =>
  code === 1006
    ? "The server refused the connection, as its log says, or cannot be reached."
    : `The connection ended: ${code} ${reason}`.trimEnd();

async function ask(source, context) {
  if (typeof source !== "function") return source;
  const token = await source(context);
  if (typeof token !== "string" || !token) throw new TypeError("The token function gave no token.");
  return token;
}

// Calls late when nothing has been heard for that long. After the page was
// frozen, timers may fire before what has arrived is read: hence the grace.
function watchdog(ms, late) {
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => (timer = setTimeout(late, grace)), ms);
  };
  heard();
  return { heard, stop: () => clearTimeout(timer) };
}

function inTime(promise) {
  return new Promise((resolve, reject) => {
    const patience = watchdog(connectWithin, () => reject(new Error("Nothing came in time.")));
    promise.then(resolve, reject).finally(patience.stop);
  });
}

function milliseconds(name, value, least) {
  if (typeof value !== "number") throw new TypeError(`The ${name} is no number.`);
  // Browsers take a longer time for none.
  if (!(value >= least && value < 2 ** 31)) throw new RangeError(`The ${name} is not from ${least} to 2147483647 ms.`);
  return value;
}

const object = (value) => (value !== null && typeof value === "object" ? value : {});

const isId = (id) => typeof id === "string" && /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id);

function settleReady(sub, error) {
  if (error) sub.ready?.reject(error);
  else sub.ready?.resolve();
  sub.ready = null;
}

function schedule(options) {
  if (options === undefined) return {};
  const { at, timeZone } = options;
  // To do it now, because a time got lost, would be wrong.
  if (at === undefined || at === null) throw new TypeError("A schedule needs a time in at.");
  const time = typeof at === "string" ? at : new Date(Math.ceil(at / 1000) * 1000).toISOString().slice(0, 19);
  return { scheduleExpression: `at(${time})`, scheduleExpressionTimezone: timeZone };
}
