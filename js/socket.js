// A WebSocket where none gets through. socket.d.ts says what it does.

const atOnce = 64 * 1024; // bytes of one request
const rest = 500; // ms, when the server has enough to do

export class HotsockSocket extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSING = 2;
  static CLOSED = 3;
  CONNECTING = 0;
  OPEN = 1;
  CLOSING = 2;
  CLOSED = 3;
  binaryType = "blob";
  bufferedAmount = 0;
  extensions = "";
  onclose = null;
  onerror = null;
  onmessage = null;
  onopen = null;
  protocol = "";
  readyState = 0;
  url;
  #base;
  #credentials = null; // of the connection; what is sent waits for them
  #waiting = []; // frames to be sent
  #sending = false;
  #closing = null; // the code
  #over = new AbortController();

  constructor(url, protocols = []) {
    super();
    this.#base = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
    this.url = this.#base.href;
    this.#base.protocol = this.#base.protocol.replace("ws", "http");
    if (!this.#base.pathname.endsWith("/")) this.#base.pathname += "/";
    const token = [protocols].flat().find((protocol) => protocol.startsWith("hotsock.token."));
    this.#receive(token?.slice("hotsock.token.".length)).catch(() => this.#end(1006, "", false));
    // As a browser does with the WebSockets of a page that is left.
    const leave = ({ persisted }) => persisted || (this.#credentials && this.#post("close", '{"code":1001}', true).catch(() => {}));
    globalThis.addEventListener?.("pagehide", leave, { signal: this.#over.signal });
  }

  send(data) {
    if (this.readyState === this.CONNECTING) throw new DOMException("It is not open yet.", "InvalidStateError");
    const text = String(data);
    this.bufferedAmount += text.length;
    if (this.readyState !== this.OPEN) return;
    this.#waiting.push(text);
    this.#flush();
  }

  close(code = 1000) {
    if (code !== 1000 && !(code >= 3000 && code <= 4999)) throw new DOMException(`${code} is no code to close with.`, "InvalidAccessError");
    if (this.readyState >= this.CLOSING) return;
    this.readyState = this.CLOSING;
    this.#closing = code;
    if (this.#credentials) this.#flush();
    else queueMicrotask(() => this.#end(1006, "", false));
  }

  async #receive(token) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const options = { headers, credentials: "include", cache: "no-store", signal: this.#over.signal };
    const response = await fetch(this.#address("stream"), options);
    if (!response.ok) {
      // A proxy's 401 is not about the token, and one that is only not good yet is not refused for good.
      const { error } = await response.json();
      const final = error.code === "UNAUTHORIZED" && !response.headers.has("Retry-After");
      return this.#end(final ? 1008 : 1006, "", false);
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let [begun, name, data] = [[], "", ""];
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Error("The answer ended.");
      const lines = value.split("\n");
      begun.push(lines[0]);
      if (lines.length === 1) continue;
      lines[0] = begun.join("");
      begun = [lines.pop()];
      for (const line of lines) {
        if (line.startsWith("data: ")) data = line.slice("data: ".length);
        else if (line.startsWith("event: ")) name = line.slice("event: ".length);
        else if (line === "") {
          if (data) this.#heard(name, data);
          name = data = "";
        }
      }
    }
  }

  #heard(name, data) {
    if (name === "close") {
      const { code = 1006, reason = "" } = JSON.parse(data);
      return this.#end(code, reason, true);
    }
    if (!this.#credentials) {
      const { connectionId, connectionSecret } = JSON.parse(data).data;
      this.#credentials = { connectionId, connectionSecret };
      // Not before: only now is it certain that nothing on the way holds events back.
      if (this.readyState === this.CONNECTING) {
        this.readyState = this.OPEN;
        this.#tell(new Event("open"));
      }
      this.#flush();
    }
    if (this.readyState === this.OPEN) this.#tell(new MessageEvent("message", { data, origin: this.#base.origin }));
  }

  // One request after the other, so that the order stays.
  async #flush() {
    if (this.#sending || !this.#credentials) return;
    this.#sending = true;
    try {
      while (this.#waiting.length > 0) {
        const frames = this.#next();
        const { status } = await this.#post("send", frames.length === 1 ? frames[0] : `[${frames}]`);
        if (status === 429) {
          this.#waiting.unshift(...frames);
          await new Promise((resolve) => setTimeout(resolve, rest));
        } else if (status >= 300) {
          return this.#end(status === 413 ? 1009 : 1006, "", false);
        } else {
          for (const { length } of frames) this.bufferedAmount -= length;
        }
      }
      if (this.#closing === null) return;
      await this.#post("close", JSON.stringify({ code: this.#closing }), true);
      this.#end(this.#closing, "", true);
    } catch {
      this.#end(1006, "", false);
    } finally {
      this.#sending = false;
    }
  }

  #next() {
    let [count, size] = [0, 0];
    do size += this.#waiting[count++].length;
    while (count < Math.min(this.#waiting.length, 1000) && size + this.#waiting[count].length < atOnce);
    return this.#waiting.splice(0, count);
  }

  #post(operation, body, keepalive = false) {
    const url = this.#address(`connection/${operation}`, this.#credentials);
    return fetch(url, { method: "POST", body, keepalive, signal: keepalive ? undefined : this.#over.signal });
  }

  #address(path, parameters = {}) {
    const url = new URL(this.#base);
    url.pathname += path;
    if (path !== "stream") url.searchParams.delete("token");
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }

  #end(code, reason, wasClean) {
    if (this.readyState === this.CLOSED) return;
    this.readyState = this.CLOSED;
    this.#waiting = [];
    this.#over.abort();
    if (!wasClean) this.#tell(new Event("error"));
    this.#tell(new CloseEvent("close", { code, reason, wasClean }));
  }

  #tell(event) {
    this[`on${event.type}`]?.(event);
    this.dispatchEvent(event);
  }
}
