// A client of the realtime handler, like any other: a WebSocket, and the client
// HTTP API.

import { Refusal } from "./api.js";
import { withTexts } from "./json.js";

const answerTimeout = 10_000;

/**
 * Connects and reports: "frame" events have {out, text}, "state" events follow
 * each change of state, and "message" events have each frame that came in, as
 * an object.
 */
export class Connection extends EventTarget {
  state = "closed"; // connecting, open
  reason = "";
  id = "";
  uid = null;
  #endpoint;
  #socket;
  #secret = "";
  #refs = 0;
  #waiting = new Map(); // by ref

  constructor(endpoint) {
    super();
    this.#endpoint = new URL(endpoint, location.origin + location.pathname);
  }

  /** Opens a connection. Resolves when the server has said hello. */
  connect(token) {
    this.close();
    const url = new URL(this.#endpoint);
    url.protocol = url.protocol.replace("http", "ws");
    if (token) url.searchParams.set("token", token);
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#become("connecting", "");
    return new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => {
        if (socket !== this.#socket) return;
        if (this.#receive(String(data))) resolve();
      };
      socket.onclose = ({ code, reason }) => {
        if (socket !== this.#socket) return;
        const early = this.state === "connecting";
        this.#end(code === 1006 ? "" : `${code} ${reason}`.trim());
        if (early) reject(new Refusal({ code: "REFUSED", message: "the server did not accept the connection" }));
      };
    });
  }

  close() {
    const socket = this.#socket;
    if (!socket) return;
    this.#end("");
    socket.close(1000);
  }

  #end(reason) {
    this.#socket = undefined;
    this.#secret = "";
    for (const waiting of this.#waiting.values()) waiting.reject(new Refusal({ code: "CLOSED", message: "the connection ended" }));
    this.#waiting.clear();
    this.#become("closed", reason);
  }

  #become(state, reason) {
    this.state = state;
    this.reason = reason;
    this.dispatchEvent(new Event("state"));
  }

  /** Takes a frame, and reports whether it was the hello. */
  #receive(text) {
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      this.report(false, text);
      return false;
    }
    const hello = frame.event === "hotsock.connected";
    if (hello) {
      this.id = frame.data.connectionId;
      this.#secret = frame.data.connectionSecret;
      this.uid = frame.meta?.uid ?? null;
    }
    this.report(false, text);
    if (hello) this.#become("open", "");
    const waiting = this.#waiting.get(frame.ref);
    if (waiting) {
      this.#waiting.delete(frame.ref);
      if (frame.error) waiting.reject(new Refusal(frame.error));
      else waiting.resolve(frame);
    }
    this.dispatchEvent(new CustomEvent("message", { detail: frame }));
    return hello;
  }

  /** Shows what goes out or comes in. */
  report(out, text) {
    this.dispatchEvent(new CustomEvent("frame", { detail: { out, text: this.#hide(text) } }));
  }

  // What is watched is often shown to others.
  #hide(text) {
    const hidden = this.#secret ? text.replaceAll(this.#secret, "(hidden)") : text;
    return hidden.replace(/("token":")[^"]*"/g, '$1(hidden)"');
  }

  /** Sends a command, whose data is JSON text, and resolves with the answer. */
  command(members, data) {
    if (this.state !== "open") return Promise.reject(new Refusal({ code: "NOT_CONNECTED", message: "connect first" }));
    const ref = "c" + ++this.#refs;
    const text = withTexts({ ...members, ref }, { data });
    return new Promise((resolve, reject) => {
      this.#waiting.set(ref, { resolve, reject });
      setTimeout(() => {
        if (this.#waiting.delete(ref)) reject(new Refusal({ code: "NO_ANSWER", message: "no answer came within ten seconds" }));
      }, answerTimeout);
      this.report(true, text);
      this.#socket.send(text);
    });
  }

  /** The URL of a path below the endpoint. */
  address(path) {
    const url = new URL(this.#endpoint);
    url.pathname = url.pathname.replace(/\/$/, "") + "/" + path;
    return url;
  }

  /** Calls an operation of the client HTTP API. */
  async call(operation, body) {
    if (this.state !== "open") throw new Refusal({ code: "NOT_CONNECTED", message: "connect first" });
    const url = this.address("connection/" + operation);
    url.searchParams.set("connectionId", this.id);
    url.searchParams.set("connectionSecret", this.#secret);
    const text = JSON.stringify(body);
    this.report(true, `{"POST":"connection/${operation}","body":${text}}`);
    let answer;
    try {
      const response = await fetch(url, { method: "POST", body: text });
      answer = await response.text();
    } catch {
      throw new Refusal({ code: "UNREACHABLE", message: "the client HTTP API cannot be reached" });
    }
    this.report(false, `{"POST":"connection/${operation}","answer":${answer}}`);
    const parsed = JSON.parse(answer);
    if (parsed.error) throw new Refusal(parsed.error);
    return parsed;
  }
}


/** Members of a command that put it off until a local date and time, if there is one. */
export function schedule(local) {
  if (!local) return {};
  return { scheduleExpression: `at(${new Date(local).toISOString().slice(0, 19)})` };
}
