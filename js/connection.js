// The connection: attempts, breaks, and which of them is the present one.
import { Choice } from "./choice.js";
import { HotsockError, noConnection, told, tooLate } from "./error.js";
import { ask } from "./option.js";
import { connectWithin, longestDelay, someDelay, watchdog } from "./patience.js";

const hangsAfter = 1_000; // ms; an attempt that takes so long may never end
const steadyAfter = 5_000; // ms; a connection that answers then was a success

// Browsers say no more: not even whether there is a server.
const ending = ({ code, reason }) =>
  code === 1006
    ? "The server refused the connection, as its log says, or cannot be reached."
    : `The connection ended: ${code} ${reason}`.trimEnd();

export class Connection {
  state = "closed";
  retryAt = 0;
  failure = null;
  connectionId = null;
  credentials = null;
  uid = null;
  turn = 0; // counts attempts and ends: what belongs to an earlier one is void
  token;
  #owner; // has the jobs, and is told what happens
  #url;
  #tokenInURL;
  #choice;
  #heartbeat;
  #timeout;
  #timer = 0; // of the wait before an attempt, or of the proof that it was a success
  #patience = null; // with the attempt, then with the connection
  #began = 0; // the attempt
  #beat = 0;
  #failures = 0;
  #mute = false; // connected for a while, and no answer: some proxies carry the first frame only
  #trial = 0; // the timer of a better kind of socket
  #found = null; // what is tried
  #ws = null;
  #written = 0; // bytes given to it
  #carried = 0; // of them, when last looked at
  #watch = null; // ends listening to the browser

  constructor(owner, { url, token, tokenInURL, sockets, heartbeat, timeout }) {
    this.#owner = owner;
    this.#url = url;
    this.token = token;
    this.#tokenInURL = tokenInURL;
    this.#choice = new Choice(sockets);
    this.#heartbeat = heartbeat;
    this.#timeout = timeout;
  }

  connect() {
    if (this.state === "connecting" || this.state === "open") return;
    if (this.state === "closed") this.#listen();
    this.#open();
  }

  address(path, parameters) {
    const url = new URL(this.#url);
    url.pathname += path;
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }

  get isWritable() {
    return this.state === "open" && this.#ws.readyState === WebSocket.OPEN;
  }

  write(text) {
    const before = this.#ws.bufferedAmount;
    this.#ws.send(text);
    this.#written += this.#ws.bufferedAmount - before;
  }

  // Something has come, or an answer is due from now on.
  heard() {
    this.#patience.heard();
  }

  // The server has sent hotsock.connected.
  opened({ connectionId, connectionSecret }, { uid }) {
    if (this.state !== "connecting") return;
    this.uid = uid;
    this.#patience.stop();
    this.#patience = watchdog(this.#timeout, () => this.#silent());
    // The pong comes behind all that is due: what breaks before would do so again.
    const { turn } = this;
    this.#timer = setTimeout(async () => {
      this.#mute = true;
      if (!(await this.#owner.jobs.ping()) || turn !== this.turn) return;
      this.#mute = false;
      this.#failures = 0;
    }, steadyAfter);
    this.#written = this.#carried = 0;
    this.connectionId = connectionId;
    this.failure = null;
    this.credentials = { connectionId, connectionSecret };
    this.#choice.worked();
    if (!this.#choice.isFirst) this.#tryFirst(turn);
    if (this.#heartbeat) this.#beat = setInterval(() => this.#owner.jobs.ping(), this.#heartbeat);
    this.state = "open";
    this.#owner.opened();
    this.#enter("open");
  }

  end(error) {
    if (this.state === "closed") return;
    this.failure = error.code === "NOT_CONNECTED" ? null : error;
    this.#drop(error, 1000);
    this.#watch.abort();
    this.#owner.ended(error);
    this.#failures = 0;
    this.#enter("closed");
    if (this.failure) this.#owner.failed(error);
  }

  async #open(found) {
    clearTimeout(this.#timer);
    const turn = ++this.turn;
    this.#began = performance.now();
    this.#patience = watchdog(connectWithin, () => this.#broken(turn, tooLate()));
    const Socket = this.#choice.next();
    this.#enter("connecting");
    try {
      const ws = found ?? (await this.#dial(turn, Socket));
      if (turn !== this.turn) return ws?.close();
      this.#ws = ws;
      ws.onmessage = (e) => turn === this.turn && this.#owner.receive(e.data);
      ws.onclose = (e) => this.#broken(turn, told(noConnection(ending(e)), e.code === 1012 || e.code === 4403 ? e.reason : ""), e);
    } catch (error) {
      if (turn !== this.turn) return;
      if (error instanceof HotsockError) this.end(error);
      else this.#broken(turn, error instanceof Error ? error : new Error(String(error)));
    }
  }

  // Gives no socket if the turn is over before it has a token.
  async #dial(turn, Socket) {
    const token = await ask(this.token);
    if (turn !== this.turn) return;
    const url = this.address("", token && this.#tokenInURL ? { token } : {});
    url.protocol = url.protocol.replace("http", "ws");
    // Logs have the URL of a request.
    return new Socket(url, token && !this.#tokenInURL ? ["hotsock", `hotsock.token.${token}`] : []);
  }

  // The connection stays until the first kind has carried an answer, and as long as anything
  // is under way on it.
  #tryFirst(turn) {
    const isIdle = () => turn === this.turn && this.#owner.jobs.isEmpty;
    const again = () => {
      if (turn !== this.turn) return;
      this.#choice.postpone();
      this.#tryFirst(turn);
    };
    this.#trial = setTimeout(async () => {
      if (!isIdle()) return again();
      const ws = await this.#dial(turn, this.#choice.first()).catch(() => null);
      if (!ws) return again();
      if (turn !== this.turn) return ws.close();
      this.#found = ws;
      const patience = watchdog(connectWithin, () => ws.close());
      ws.onclose = () => {
        patience.stop();
        again();
      };
      const early = [];
      ws.onmessage = (e) => {
        if (early.push(e) === 1) ws.send('{"event":"hotsock.ping"}');
        if (!e.data.startsWith('{"event":"hotsock.pong"')) return;
        patience.stop();
        ws.onmessage = ws.onclose = this.#found = null;
        if (!isIdle()) {
          ws.close(4001);
          return again();
        }
        this.#drop();
        this.#choice.useFirst();
        this.#open(ws);
        for (const e of early) ws.onmessage?.(e);
      };
    }, this.#choice.untilTrial);
  }

  #broken(turn, failure, { code, reason } = {}) {
    if (turn !== this.turn) return;
    this.failure = failure;
    this.#owner.jobs.broken(code, reason);
    const opening = this.state === "connecting" && this.#ws;
    const mute = this.#mute;
    // Without any token, it is the app that refuses, and perhaps lets in later.
    const final = typeof this.token === "string" || (!this.token && !opening);
    this.#drop(failure);
    if (code === 4403 || (code === 1008 && final)) {
      this.end(told(new HotsockError("UNAUTHORIZED", "The server ended the connection."), failure.reason));
      return;
    }
    // A WebSocket that ends with a code has got through.
    if (mute || (opening && (!this.#choice.isFirst || (code ?? 1006) === 1006))) this.#choice.refused(mute);
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

  // 4001: we come back.
  #drop(cause, code = 4001) {
    this.turn++;
    clearTimeout(this.#timer);
    clearTimeout(this.#trial);
    this.#found?.close();
    this.#found = null;
    this.#patience?.stop();
    clearInterval(this.#beat);
    this.#mute = false;
    const ws = this.#ws;
    this.#ws = this.credentials = this.connectionId = null;
    ws?.close(code);
    this.#owner.dropped(cause);
  }

  #enter(state) {
    this.state = state;
    this.#owner.entered(state);
  }

  // The browser knows sooner than a timer when a link may have died or can be
  // had again; and timers of hidden pages hardly run.
  #listen() {
    this.#watch = new AbortController();
    const options = { signal: this.#watch.signal };
    const wake = ({ type }) => {
      const online = type === "online";
      const begun = this.state === "connecting" && performance.now() < this.#began + hangsAfter;
      if (online) this.#choice.forget(); // perhaps another network
      if (this.state === "open") this.#owner.jobs.ping();
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

  // A server that does not answer is out of reach, unless the link is busy with
  // what it has been given.
  #silent() {
    if (this.#owner.jobs.due.length === 0) return;
    const carried = this.#written - this.#ws.bufferedAmount;
    if (this.#ws.bufferedAmount > 0 && carried > this.#carried) this.#patience.heard();
    else this.#broken(this.turn, noConnection("The server did not answer in time."));
    this.#carried = carried;
  }
}
