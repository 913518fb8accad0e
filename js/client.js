// The Hotsock client for browsers. client.d.ts says what everything does.
import { callOf } from "./channel.js";
import { Connection } from "./connection.js";
import { emit, Emitter } from "./emitter.js";
import { HotsockError } from "./error.js";
import { object } from "./frame.js";
import { Jobs } from "./jobs.js";
import { ask, milliseconds } from "./option.js";
import { HotsockSocket } from "./socket.js";
import { Subscriptions } from "./subscriptions.js";

export { HotsockError } from "./error.js";
export { timeOf } from "./frame.js";

// Where the handler has served this file, by a line that it adds.
let here;

export class Client extends Emitter {
  #connection;
  #jobs;
  #subscriptions;

  constructor({ url = here, token, tokenInURL = false, sockets = [globalThis.WebSocket, HotsockSocket], heartbeat = 30_000, timeout = 10_000 } = {}) {
    super(/^(state|subscribed|error)$/, (type) => {
      if (type === "state") return this.state === "closed" ? [] : [[this.state]];
      return type === "subscribed" ? this.#subscriptions.active.map((channel) => [channel]) : [];
    });
    if (url === undefined) throw new TypeError("The client needs the url of its server.");
    if (!["string", "function"].includes(typeof (token ?? ""))) throw new TypeError("A token is a string or a function.");
    url = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
    url.protocol = url.protocol.replace("ws", "http");
    if (!/^https?:$/.test(url.protocol)) throw new TypeError(`There is no server at ${url}.`);
    url.hash = "";
    // With those of a page's address, fetch would refuse it.
    url.username = url.password = "";
    if (!url.pathname.endsWith("/")) url.pathname += "/";
    heartbeat = heartbeat === 0 ? 0 : milliseconds("heartbeat", heartbeat, 1000);
    timeout = milliseconds("timeout", timeout, 1);
    const owner = {
      opened: () => {
        this.#subscriptions.opened();
        this.#jobs.flush();
      },
      receive: (text) => this.#receive(text),
      dropped: (cause) => {
        this.#subscriptions.dropped();
        this.#jobs.dropped(cause);
      },
      ended: (error) => {
        this.#jobs.settleAll(error);
        this.#subscriptions.ended(error);
      },
      entered: (state) => emit(this, "state", state),
      failed: (error) => emit(this, "error", error),
    };
    this.#connection = new Connection(owner, { url, token, tokenInURL, sockets, heartbeat, timeout });
    this.#jobs = owner.jobs = new Jobs(this.#connection, timeout);
    this.#subscriptions = new Subscriptions(this, this.#connection, this.#jobs);
  }

  get state() {
    return this.#connection.state;
  }

  get retryAt() {
    return this.#connection.retryAt;
  }

  get failure() {
    return this.#connection.failure;
  }

  get connectionId() {
    return this.#connection.connectionId;
  }

  connect() {
    this.#connection.connect();
  }

  close() {
    this.#connection.end(new HotsockError("NOT_CONNECTED", "The client was closed."));
  }

  channel(name) {
    if (typeof name !== "string" || !name) throw new TypeError("A channel needs a name.");
    return this.#subscriptions.channel(name);
  }

  async call(method, params, { signal } = {}) {
    return (await this.#jobs.request(callOf(method, params), { signal, slow: true })).data ?? null;
  }

  async umdUpdate(token) {
    await this.#jobs.request({ event: "hotsock.umdUpdate", data: { token } });
  }

  async refresh(token) {
    token ??= await ask(this.#connection.token);
    await this.#jobs.request({ event: "hotsock.refresh", data: { token } }, { ends: true });
    if (typeof this.#connection.token === "string") this.#connection.token = token;
  }

  async cancelSchedule(scheduleArn) {
    await this.#jobs.call("cancelSchedule", { scheduleArn });
  }

  #receive(text) {
    if (this.state === "open") this.#connection.heard();
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
    const job = this.#jobs.find(ref);
    if (event === "hotsock.connected") {
      this.#connection.opened(data, object(frame.meta));
    } else if (event === "hotsock.error") {
      this.#failed(object(frame.error), job, frame.channel);
    } else {
      this.#subscriptions.deliver(frame, data, job);
      if (job) this.#jobs.settle(job, null, frame);
    }
  }

  #failed({ code, message, current }, job, channel) {
    const error = Object.assign(new HotsockError(String(code ?? "INTERNAL"), message), { channel, current });
    // While its store is away, the server keeps a subscribe and completes it.
    if (job?.joins && error.code === "UNAVAILABLE") job.kept = true;
    else if (job) this.#jobs.settle(job, error);
    else emit(this, "error", error);
  }
}
