// A client of the realtime handler, like any other: a WebSocket, and the client
// HTTP API.

import { Refusal } from "./api.js";
import { jsonProblem, withTexts } from "./json.js";
import { isToken } from "./secrets.js";

const answerTimeout = 10_000;

/**
 * Connects and reports: "frame" events have {out, text}, "state" events follow
 * each change of state, "alive" events tell that id, uid, since and until are
 * new, and "message" events have each frame that came in, as an object.
 */
export class Connection extends EventTarget {
  state = "closed"; // connecting, open
  reason = "";
  id = "";
  uid = null;
  since = null; // when it was connected
  until = null; // when it ends by itself
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
    // A token in the address would stand in the logs of servers. What is none cannot
    // be a subprotocol, but the server says why it is none.
    const protocols = isToken(token) ? ["hotsock", "hotsock.token." + token] : [];
    if (token && protocols.length === 0) url.searchParams.set("token", token);
    const socket = new WebSocket(url, protocols);
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
      this.since = new Date();
    }
    this.report(false, text);
    if (hello) this.#become("open", "");
    if (hello || frame.event === "hotsock.refreshed") {
      this.until = new Date(frame.data.connectionExpiresAt);
      this.dispatchEvent(new Event("alive"));
    }
    const waiting = this.#waiting.get(frame.ref);
    if (waiting) {
      this.#waiting.delete(frame.ref);
      if (frame.error) waiting.reject(new Refusal(frame.error));
      else waiting.resolve({ frame, text });
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
    return hidden.replace(/("token"\s*:\s*")[^"]*"/g, '$1(hidden)"');
  }

  /** Sends a command, whose data is JSON text, and resolves with the answer. */
  async command(members, data) {
    const ref = "c" + ++this.#refs;
    const { frame } = await this.#ask(withTexts({ ...members, ref }, { data }), ref);
    return frame;
  }

  /** Sends text as it is. If it has a ref, resolves with the text of the answer. */
  async raw(text) {
    const ref = refOf(text);
    return (await this.#ask(text, this.#waiting.has(ref) ? undefined : ref))?.text;
  }

  #ask(text, ref) {
    if (this.state !== "open") return Promise.reject(notConnected());
    this.report(true, text);
    this.#socket.send(text);
    if (ref === undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject };
      this.#waiting.set(ref, waiting);
      setTimeout(() => {
        if (this.#waiting.get(ref) !== waiting) return; // answered
        this.#waiting.delete(ref);
        reject(new Refusal({ code: "NO_ANSWER", message: "no answer came within ten seconds" }));
      }, answerTimeout);
    });
  }

  /** The path of the endpoint. */
  get base() {
    return this.#endpoint.pathname.replace(/\/$/, "");
  }

  /** Calls an operation of the client HTTP API. The texts are JSON. */
  async call(operation, members, texts = {}) {
    const { text } = await this.request({ method: "POST", path: "connection/" + operation, body: withTexts(members, texts), asClient: true });
    const parsed = JSON.parse(text);
    if (parsed.error) throw new Refusal(parsed.error);
    return parsed;
  }

  /**
   * Sends an HTTP request to a path below the endpoint, perhaps with the
   * connection's id and secret, or with a key of the app. Neither is shown.
   */
  async request({ method, path, query = {}, body, asClient = false, key }) {
    if (asClient && this.state !== "open") throw notConnected();
    const url = new URL(this.#endpoint);
    const [below, search = ""] = path.split("?", 2);
    url.pathname = `${this.base}/${below}`;
    url.search = search;
    if (!url.pathname.startsWith(this.base + "/")) throw new Refusal({ code: "NO_PATH", message: "the path leads elsewhere" });
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    const shown = JSON.stringify(below + url.search);
    if (asClient) {
      url.searchParams.set("connectionId", this.id);
      url.searchParams.set("connectionSecret", this.#secret);
    }
    this.report(true, body ? `{"${method}":${shown},"body":${asJSON(body)}}` : `{"${method}":${shown}}`);
    try {
      const headers = key ? { Authorization: "Bearer " + key } : {};
      const response = await fetch(url, { method, body: body || undefined, headers });
      const text = await response.text();
      this.report(false, `{"${method}":${shown},"answer":${asJSON(text)}}`);
      return { status: `${response.status} ${response.statusText}`.trim(), text };
    } catch {
      throw new Refusal({ code: "UNREACHABLE", message: key ? unreachableApp : "the client HTTP API cannot be reached" });
    }
  }
}

const unreachableApp = "the app’s HTTP API cannot be reached; browsers let pages of its own origin use it, and no others";
const notConnected = () => new Refusal({ code: "NOT_CONNECTED", message: "connect first" });

/** The ref of a frame, if it has one. */
function refOf(text) {
  try {
    const { ref } = JSON.parse(text);
    return typeof ref === "string" ? ref : undefined;
  } catch {
    return undefined; // The server will say so.
  }
}

/** Text that is JSON as it is, and any other as a string of JSON. */
function asJSON(text) {
  return jsonProblem(text) ? JSON.stringify(text) : text;
}
