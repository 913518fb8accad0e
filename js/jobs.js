// What waits to be sent or answered.
import { HotsockError, noAnswer, notConnected, tooLate } from "./error.js";
import { watchdog } from "./patience.js";

export class Jobs {
  #connection;
  #timeout;
  #all = new Map(); // by ref, in order
  #lastRef = 0;

  constructor(connection, timeout) {
    this.#connection = connection;
    this.#timeout = timeout;
  }

  get isEmpty() {
    return this.#all.size === 0;
  }

  // What should be answered at once.
  get due() {
    return [...this.#all.values()].filter((job) => job.sent && !job.kept);
  }

  find(ref) {
    return this.#all.get(ref);
  }

  async ping() {
    const before = this.due;
    const pong = await this.request({ event: "hotsock.ping" }, { ends: true }).catch(() => null);
    // Commands are answered in their order.
    if (pong) for (const job of before) if (this.#all.has(job.ref)) this.settle(job, noAnswer(tooLate()));
    return pong;
  }

  // Resolves with the answer to a command or, for none, with the credentials of
  // a connection. It waits for sub's subscription; joins is what it subscribes. What is
  // slow is answered out of turn, and perhaps late. What ends with its connection means
  // nothing on another.
  request(command, { sub, joins, ends = !!joins, slow = false, signal, repeats = 0 } = {}) {
    return new Promise((resolve, reject) => {
      const ref = String(++this.#lastRef);
      const text = command && JSON.stringify({ ...command, ref });
      if (this.#connection.state === "closed" || signal?.aborted) throw notConnected();
      const job = { ref, text, sub, joins, ends, resolve, reject, repeats, sent: false, kept: slow };
      job.round = joins?.round;
      const giveUp = () => this.settle(job, job.sent ? noAnswer(signal.reason) : notConnected());
      signal?.addEventListener("abort", giveUp);
      job.ended = () => signal?.removeEventListener("abort", giveUp);
      job.patience = watchdog(this.#timeout, () => {
        // On a slow link, the answer to its subscribe may still be on its way.
        if (sub && this.due.some((due) => due.joins === sub)) job.patience.heard();
        else this.settle(job, notConnected());
      });
      this.#all.set(ref, job);
      this.#send(job);
    });
  }

  // Sends without waiting, for no answer, if that is possible now.
  post(command, sub) {
    const ready = this.#isReady(sub);
    if (ready) this.#connection.write(JSON.stringify(command));
    return ready;
  }

  flush() {
    for (const job of this.#all.values()) this.#send(job);
  }

  settle(job, error, answer) {
    job.patience.stop();
    job.ended();
    this.#all.delete(job.ref);
    if (error) job.reject(job.doubt ?? error);
    else job.resolve(answer);
  }

  settleAll(error, of = () => true) {
    for (const job of this.#all.values()) if (of(job)) this.settle(job, error);
  }

  // The connection is over, with what the server said about that, if anything.
  broken(code, reason) {
    // What such a server has not answered it has not done, and is sent again.
    if (reason === "Going away, all answered")
      for (const job of this.#all.values()) if (!job.ends) this.#unsend(job);
    if (code === 1009) for (const job of this.#all.values()) job.repeats = 0; // One of them is too long.
  }

  // What was sent and not answered has an unknown outcome, unless it can be sent again;
  // the rest waits on.
  dropped(cause) {
    for (const job of this.#all.values()) if (job.sent) this.#doubt(job, noAnswer(cause));
  }

  async call(operation, body, sub) {
    for (;;) {
      const credentials = await this.request(null, { sub });
      const url = this.#connection.address(`connection/${operation}`, credentials);
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
        await this.ping();
        if (credentials !== this.#connection.credentials) continue;
      }
      throw new HotsockError(String(answer?.error?.code ?? "INTERNAL"), answer?.error?.message);
    }
  }

  #send(job) {
    if (job.sent || !this.#isReady(job.sub)) return;
    const { credentials, uid } = this.#connection;
    if (!job.text) return this.settle(job, null, credentials);
    if (job.doubt && job.uid !== uid) return this.settle(job, job.doubt);
    job.patience.stop();
    if (this.due.length === 0) this.#connection.heard();
    job.sent = true;
    this.#connection.write(job.text);
  }

  #unsend(job) {
    if (job.sent) job.patience.heard();
    job.sent = false;
  }

  // The server knows a message that the same user publishes again.
  #doubt(job, error) {
    job.doubt ??= error;
    job.uid ??= this.#connection.uid;
    if (job.uid && job.repeats--) this.#unsend(job);
    else this.settle(job, error);
  }

  #isReady(sub) {
    return this.#connection.isWritable && (!sub?.wanted || sub.channel.active);
  }
}
