// Messages that are written bit by bit.
import { HotsockError, told } from "./error.js";
import { before, isId } from "./frame.js";
import { someDelay } from "./patience.js";

const passing = /^(NOT_CONNECTED|NO_ANSWER|UNAVAILABLE|RATE_LIMITED)$/;

const aborted = (how, reason) => told(new HotsockError(`STREAM_${how}`, `The stream is ${how.toLowerCase()}.`), reason);

// Gives what a message says as it grows. streams has the functions that end its readers.
export async function* readStream(channel, streams, message, signal) {
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
  const offs = ["appended", "updated", "deleted", "erased", "subscribed"].map((type) => channel.on(type, note));
  const end = (error) => note({ error: (ended = error) });
  streams.add(end);
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
          ({ messages } = await channel.listMessages({ after: before(messageId), limit: 1 }));
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
    streams.delete(end);
  }
}
