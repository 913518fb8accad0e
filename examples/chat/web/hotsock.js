// A small client for the Hotsock protocol: one connection that heals itself,
// and any number of channel subscriptions on it.
//
//   const hotsock = new Hotsock("/rt/", async () => connectToken);
//   const channel = hotsock.subscribe("room", async () => subscribeToken);
//   channel.addEventListener("frame", (e) => console.log(e.detail));
//   hotsock.connect();
//   await channel.publish("chat", { text: "Hello" });

const connectWithin = 10_000; // ms from the first try to hotsock.connected
const answerWithin = 10_000; // ms for a command or an HTTP call
const heartbeatEvery = 25_000; // ms; notices a dead link in at most this + answerWithin
const stableAfter = 5_000; // ms; a connection that lived this long resets the backoff
const backoffFirst = 500; // ms
const backoffMost = 15_000; // ms

/** An error that the server answered; `code` is one of the protocol's. */
export class HotsockError extends Error {
  constructor({ code = "INTERNAL", message = "" } = {}) {
    super(message || code);
    this.code = code;
  }
}

/** The link broke, or no answer came: the command may have been carried out or not. */
export class LinkError extends Error {}

/** The time in a message id, in ms since 1970 by the server's clock. */
export function timeOf(id) {
  const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  let ms = 0;
  for (const c of id.slice(0, 10)) ms = ms * 32 + digits.indexOf(c);
  return ms;
}

/**
 * A connection. It fires "state" whenever `state` or `retryAt` changes, and
 * "error" with a HotsockError for a failed command that nobody awaits.
 */
export class Hotsock extends EventTarget {
  /** "closed", "connecting", "open", or "waiting" (until `retryAt`). */
  state = "closed";
  retryAt = 0;

  #base;
  #token;
  #ws = null;
  #credentials = null;
  #subscriptions = new Map(); // by channel
  #unanswered = new Map(); // by ref
  #lastRef = 0;
  #failures = 0;
  #timers = { retry: 0, stable: 0, connect: 0, heartbeat: 0 };

  /**
   * @param {string} base where the server is mounted, absolute or relative to the page
   * @param {() => Promise<string>} token makes a connect token; called for every
   *   attempt. A HotsockError from it is final, anything else is tried again.
   */
  constructor(base, token) {
    super();
    this.#base = new URL(base, location.href);
    this.#token = token;
  }

  /** Connects, and keeps connected until close. Cuts a waiting time short. */
  connect() {
    if (this.state === "connecting" || this.state === "open") return;
    clearTimeout(this.#timers.retry);
    this.#open();
  }

  /** Call when the page wakes up: finds out at once whether the link still lives. */
  wake() {
    if (this.state === "waiting") this.connect();
    else if (this.state === "open") this.#beat(this.#ws);
  }

  /** Ends the connection for good. */
  close() {
    this.#drop(new LinkError("The connection was closed."));
    clearTimeout(this.#timers.retry);
    this.#enter("closed");
  }

  /**
   * Subscribes now and after every reconnect, each time with a new token, which
   * the function given makes.
   */
  subscribe(channel, token) {
    const subscription = new Subscription(this, channel, token);
    this.#subscriptions.set(channel, subscription);
    if (this.state === "open") this.#resume(subscription);
    return subscription;
  }

  /** Ends a subscription. */
  unsubscribe(channel) {
    this.#subscriptions.delete(channel);
    this.request({ event: "hotsock.unsubscribe", channel }).catch(() => {}); // it had ended already
  }

  /** Sends a command that needs no answer. Returns false if there is no link. */
  send(command) {
    if (this.state !== "open") return false;
    this.#ws.send(JSON.stringify(command));
    return true;
  }

  /** Sends a command and resolves with the server's answer to it. */
  request(command) {
    const { promise, resolve, reject } = Promise.withResolvers();
    const ref = String(++this.#lastRef);
    if (!this.send({ ...command, ref })) {
      reject(new LinkError("Not connected."));
      return promise;
    }
    const timer = setTimeout(() => {
      this.#unanswered.delete(ref);
      reject(new LinkError("The server did not answer."));
    }, answerWithin);
    this.#unanswered.set(ref, { resolve, reject, timer });
    return promise;
  }

  /** Calls an operation of the HTTP API and resolves with its answer. */
  async call(operation, body) {
    if (!this.#credentials) throw new LinkError("Not connected.");
    const url = new URL(`connection/${operation}`, this.#base);
    url.search = new URLSearchParams(this.#credentials);
    const ws = this.#ws;
    let response, answer;
    try {
      response = await fetch(url, {
        method: "POST",
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(answerWithin),
      });
      answer = await response.json();
    } catch (cause) {
      throw new LinkError("The server did not answer.", { cause });
    }
    if (response.status === 401) {
      this.#broken(ws); // the server has given this connection up
      throw new LinkError("The connection has ended.");
    }
    if (!response.ok) throw new HotsockError(answer.error);
    return answer;
  }

  async #open() {
    this.#enter("connecting");
    let token;
    try {
      token = await this.#token();
    } catch (error) {
      if (this.state !== "connecting") return;
      if (error instanceof HotsockError) {
        this.close();
        this.#report(error);
      } else {
        this.#retryLater();
      }
      return;
    }
    if (this.state !== "connecting") return; // closed meanwhile

    const url = new URL(this.#base);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("token", token);
    const ws = new WebSocket(url);
    this.#ws = ws;
    this.#timers.connect = setTimeout(() => this.#broken(ws), connectWithin);
    ws.onmessage = (e) => {
      if (ws === this.#ws) this.#receive(JSON.parse(e.data));
    };
    ws.onclose = () => this.#broken(ws);
  }

  #receive(frame) {
    const waiting = this.#unanswered.get(frame.ref);
    if (waiting) {
      this.#unanswered.delete(frame.ref);
      clearTimeout(waiting.timer);
      if (frame.error) waiting.reject(new HotsockError(frame.error));
      else waiting.resolve(frame);
    }
    if (frame.event === "hotsock.connected") {
      this.#connected(frame.data);
    } else if (frame.channel !== undefined) {
      this.#subscriptions.get(frame.channel)?.receive(frame);
    }
    if (frame.event === "hotsock.error" && !waiting) this.#report(new HotsockError(frame.error));
  }

  #connected({ connectionId, connectionSecret }) {
    clearTimeout(this.#timers.connect);
    this.#credentials = { connectionId, connectionSecret };
    this.#timers.stable = setTimeout(() => (this.#failures = 0), stableAfter);
    this.#timers.heartbeat = setInterval(() => this.#beat(this.#ws), heartbeatEvery);
    this.#enter("open");
    for (const subscription of this.#subscriptions.values()) this.#resume(subscription);
  }

  // The heartbeat tells the server that we live; its acknowledgement tells us
  // that the server does. A dead link would otherwise look open for minutes.
  #beat(ws) {
    this.request({ event: "hotsock.heartbeat" }).catch(() => this.#broken(ws));
  }

  async #resume(subscription) {
    const ws = this.#ws;
    const { channel } = subscription;
    try {
      const token = await subscription.token();
      if (ws !== this.#ws || this.#subscriptions.get(channel) !== subscription) return;
      const data = { token, after: subscription.after };
      await this.request({ event: "hotsock.subscribe", channel, data });
    } catch (error) {
      // While its store is unavailable the server keeps the subscribe and
      // completes it by itself.
      if (error.code === "UNAVAILABLE") return;
      if (error instanceof HotsockError) subscription.refuse(error);
      else this.#broken(ws);
    }
  }

  #broken(ws) {
    if (ws !== this.#ws) return; // an earlier connection's late word
    this.#drop(new LinkError("The connection broke."));
    this.#retryLater();
  }

  #drop(error) {
    clearTimeout(this.#timers.connect);
    clearTimeout(this.#timers.stable);
    clearInterval(this.#timers.heartbeat);
    const ws = this.#ws;
    this.#ws = null;
    this.#credentials = null;
    ws?.close();
    for (const subscription of this.#subscriptions.values()) subscription.active = false;
    for (const { reject, timer } of this.#unanswered.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#unanswered.clear();
  }

  // Half of the waiting time is chance, so that the clients of a server that
  // restarted do not come back all at once.
  #retryLater() {
    const most = Math.min(backoffMost, backoffFirst * 2 ** this.#failures++);
    const delay = most * (0.5 + Math.random() / 2);
    this.retryAt = Date.now() + delay;
    this.#timers.retry = setTimeout(() => this.#open(), delay);
    this.#enter("waiting");
  }

  #report(error) {
    this.dispatchEvent(new CustomEvent("error", { detail: error }));
  }

  #enter(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

/**
 * A subscription. It fires
 *   "subscribed", with the list of `members` and `recovered`: true if all that
 *     was missed since `after` follows, otherwise history has to be loaded;
 *   "frame" for everything else that comes on the channel;
 *   "refused", with a HotsockError, if the server denied it or ended it.
 */
class Subscription extends EventTarget {
  /** Id of the newest message seen, or null: where to go on after a reconnect. */
  after = null;
  /** True while the server has this subscription. */
  active = false;
  #hotsock;

  constructor(hotsock, channel, token) {
    super();
    this.#hotsock = hotsock;
    this.channel = channel;
    this.token = token;
  }

  /** Publishes, and resolves with the message's id once the server has accepted it. */
  async publish(event, data) {
    if (!this.active) throw new LinkError("Not subscribed.");
    const answer = await this.#hotsock.request({ event, channel: this.channel, data });
    return answer.data.id;
  }

  /** Publishes what may get lost. */
  whisper(event, data) {
    if (this.active) this.#hotsock.send({ event, channel: this.channel, data });
  }

  /** Adds or removes (`action`) a reaction to a message. */
  async react(messageId, reaction, action) {
    const data = { messageId, reaction, action };
    await this.#hotsock.request({ event: "hotsock.messageReaction", channel: this.channel, data });
  }

  /** Writes a storage entry; null clears it. */
  async set(key, data) {
    await this.#hotsock.request({ event: "hotsock.channelStorageSet", channel: this.channel, key, data });
  }

  /** Calls an operation of the HTTP API on this channel. */
  call(operation, body) {
    return this.#hotsock.call(operation, { channel: this.channel, ...body });
  }

  refuse(error) {
    this.dispatchEvent(new CustomEvent("refused", { detail: new HotsockError(error) }));
  }

  receive(frame) {
    if (frame.id) this.after = frame.id; // they come in this order
    if (frame.event === "hotsock.subscribed") {
      const { members = [], recovered = false, lastId = null } = frame.data;
      this.active = true;
      if (!recovered) this.after = lastId; // what is older is history
      this.dispatchEvent(new CustomEvent("subscribed", { detail: { members, recovered } }));
    } else if (frame.event === "hotsock.unsubscribed") {
      this.active = false;
      this.refuse({ code: "NOT_SUBSCRIBED", message: "The server ended the subscription." });
    } else if (frame.event !== "hotsock.ack" && frame.event !== "hotsock.error") {
      this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
    }
  }
}
