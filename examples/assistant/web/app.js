import { Answer, question } from "./messages.js";
import { Client } from "./rt/client.js";

const byId = (id) => document.getElementById(id);
const newest = 50; // messages to begin with

const client = new Client();
const channel = client.channel(`conversation.${conversation()}`);
const shown = new Map(); // by message id

channel.on("message:question", (message) => {
  show(message.id, () => question(message.data.text, message.meta.uid === channel.meta.uid ? "You" : message.meta.uid));
});
channel.on("message:answer", (message) => {
  if (shown.has(message.id)) return;
  const answer = new Answer(() => channel.stopStream(message.id).catch(tell));
  show(message.id, () => answer.element);
  if (message.stream.state === "open") follow(message, answer);
  else change(() => answer.show(message.data, message.stream));
});
channel.on("unsubscribed", tell);
client.on("error", tell);
client.on("state", () => {
  byId("link").textContent = client.state === "open" ? "" : "Connecting…";
});
channel.subscribe({ rewind: newest }).catch(() => {}); // "unsubscribed" tells
client.connect();

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  ask(byId("draft").value);
});
byId("draft").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  ask(event.target.value);
});
byId("ideas").addEventListener("click", ({ target }) => target.matches("button") && ask(target.textContent));
addEventListener("hashchange", () => location.reload());

// The conversation is in the address, so that it can be shared.
function conversation() {
  const named = location.hash.slice(1);
  if (/^[\w-]{1,64}$/.test(named)) return named;
  const random = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  history.replaceState(null, "", `#${random}`);
  return random;
}

let asking = false;

async function ask(text) {
  if (asking || text.trim() === "") return;
  asking = true;
  byId("problem").textContent = "";
  try {
    await channel.call("ask", { text }, { signal: AbortSignal.timeout(10_000) });
    if (byId("draft").value === text) byId("draft").value = "";
    byId("draft").focus();
  } catch (error) {
    tell(error);
  } finally {
    asking = false;
  }
}

// Shows an answer while it is written.
async function follow(message, answer) {
  let end = { state: "complete" };
  try {
    for await (const piece of channel.stream(message)) change(() => answer.add(piece));
  } catch (error) {
    end = { state: error.code === "STREAM_ABORTED" ? "aborted" : "lost", reason: error.reason };
  }
  change(() => answer.end(end));
  byId("finished").textContent = answer.element.innerText; // read out once, not piece by piece
}

// Puts a message in its place. Most belong at the end.
function show(id, build) {
  if (shown.has(id)) return;
  change(() => {
    const element = build();
    const later = [...shown.keys()].filter((other) => other > id).sort()[0];
    byId("conversation").insertBefore(element, later ? shown.get(later) : null);
    shown.set(id, element);
    byId("beginning").hidden = true;
  });
}

// Changes what is shown. Who looks at the end stays there.
function change(draw) {
  const page = document.scrollingElement;
  const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 40;
  draw();
  if (atEnd) page.scrollTop = page.scrollHeight;
}

function tell({ code, message }) {
  byId("problem").textContent = code === "NO_ANSWER"
    ? "The link broke. Look whether your question is here before you ask again."
    : message;
}
