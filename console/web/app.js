// Puts the parts together.

import { get, post, Refusal } from "./api.js";
import { payloadOf, showClaims } from "./claims.js";
import { Connection } from "./connection.js";
import { byId, el, onSubmit } from "./dom.js";
import { jsonProblem, visible } from "./json.js";
import { setUpChannels } from "./channels.js";
import { setUpControl } from "./control.js";
import { setUpExplain } from "./explain.js";
import { setUpOnline } from "./online.js";
import { setUpSchedules } from "./schedules.js";
import { edit, reactTo, setUpSend } from "./send.js";
import { attempt, show } from "./outcome.js";
import { setUpStorage } from "./storage.js";
import { showTab } from "./tabs.js";
import { Traffic } from "./traffic.js";

async function start() {
  const config = await get("config");
  const connection = new Connection(config.endpoint);
  const current = { token: "" }; // with which it is connected
  const tokens = new Map(); // subscribe tokens, by channel
  const react = (channel, id) => {
    showTab("send", true);
    reactTo(channel, id);
  };
  const traffic = new Traffic(react);
  const explain = setUpExplain({ connection, current, tokens });
  setUpSend({ connection, explain });
  setUpStorage({ connection, explain });
  const look = setUpChannels({
    connection,
    explain,
    tokens,
    react,
    edit: (channel, message) => {
      showTab("send", true);
      edit(channel, message);
    },
  });
  setUpControl({ connection });
  setUpOnline({
    look: (channel) => {
      showTab("channels", true);
      look(channel);
    },
  });
  setUpSchedules();
  connection.addEventListener("frame", ({ detail }) => traffic.add(detail));
  connection.addEventListener("message", ({ detail }) => suggest(detail));
  connection.addEventListener("state", () => showState(connection));
  countUnseen(connection);
  setUpConnect(connection, current, explain);
  if (config.canMint) setUpMint();
}

function setUpConnect(connection, current, explain) {
  const field = byId("connect-token");
  const problem = byId("connect-problem");
  field.addEventListener("input", () => byId("claims").replaceChildren(...(field.value.trim() ? [showClaims(field.value)] : [])));
  const form = byId("connect-form");
  async function refresh(token) {
    const data = JSON.stringify({ token });
    const answer = await attempt(form, () => connection.command({ event: "hotsock.refresh" }, data), explain, { action: "refresh", command: token });
    if (!answer) return;
    current.token = token;
    show(form, true, "The connection goes on with this token.");
  }
  onSubmit(form, async ({ token }, action) => {
    problem.textContent = "";
    if (action === "refresh") {
      await refresh(token.trim());
      return;
    }
    show(form, true, "");
    current.token = token.trim();
    suggestFrom(current.token);
    try {
      await connection.connect(current.token);
    } catch (error) {
      problem.textContent = visible(await whyRefused(error, current.token));
    }
  });
  byId("disconnect").addEventListener("click", () => {
    connection.close();
    byId("connect-token").focus();
  });
}

/** A browser is not told why a server refuses a WebSocket; Explain knows more. */
async function whyRefused(error, token) {
  if (token) {
    try {
      const answer = await post("explain", { action: "connect", token });
      if (!answer.allowed) return `${answer.code}: ${answer.reason}`;
    } catch {
      // Then it is the server that has a problem.
    }
  }
  return `${error.message}. ${token ? "The token is valid: it may be used up, or this page’s origin not allowed." : "Perhaps it takes a token."}`;
}

function showState(connection) {
  const status = byId("status");
  status.dataset.state = connection.state;
  byId("disconnect").hidden = connection.state === "closed";
  byId("refresh").hidden = connection.state !== "open";
  status.textContent = {
    open: `Connected${connection.uid === null ? "" : " as " + visible(String(connection.uid))}`,
    connecting: "Connecting …",
    closed: "Not connected" + (connection.reason ? `: ${visible(connection.reason)}` : ""),
  }[connection.state];
  document.querySelector("#connect-form .primary").textContent = connection.state === "open" ? "Connect again" : "Connect";
  status.title = status.textContent; // a phone cuts it short
}

// Frames that came while a phone showed something else.
function countUnseen(connection) {
  const badge = byId("unseen");
  let count = 0;
  const showCount = () => {
    badge.hidden = count === 0;
    badge.textContent = count > 99 ? "99+" : String(count);
  };
  connection.addEventListener("frame", () => {
    if (document.body.dataset.tab !== "traffic") count++;
    showCount();
  });
  document.addEventListener("tab", ({ detail }) => {
    if (detail === "traffic") count = 0;
    showCount();
  });
}

function setUpMint() {
  const claims = byId("mint-claims");
  const problem = byId("mint-problem");
  byId("mint").hidden = false;
  claims.value = JSON.stringify(
    {
      scope: "connect",
      exp: Math.floor(Date.now() / 1000) + 3600,
      uid: "me",
      calls: { "*": true },
      channels: {
        "*": {
          subscribe: true,
          getInfo: true,
          historyStart: 0,
          messages: { "*": { publish: true, echo: true, store: 3600, react: true, update: true, delete: true, scheduleBefore: Math.floor(Date.now() / 1000) + 86400 } },
          storage: { "*": { get: true, set: true, observe: true } },
          calls: { "*": true },
        },
      },
    },
    null,
    2,
  );
  onSubmit(byId("mint-form"), async () => {
    problem.textContent = "";
    const wrong = jsonProblem(claims.value);
    try {
      if (wrong) throw new Refusal({ message: "This is not JSON: " + wrong });
      const { token } = await post("token", { claims: JSON.parse(claims.value) });
      byId("mint-token").value = token;
    } catch (error) {
      problem.textContent = visible(error.message);
    }
  });
  byId("mint-use").addEventListener("click", () => use(byId("connect-token")));
  byId("mint-subscribe").addEventListener("click", () => {
    showTab("channels");
    byId("subscribe-more").open = true;
    use(byId("subscribe-token"));
  });
  function use(field) {
    field.value = byId("mint-token").value;
    field.dispatchEvent(new Event("input"));
    field.focus();
  }
}

const maxSuggestions = 50;

/** Lets forms suggest a name. */
function suggestName(list, name) {
  if (typeof name !== "string" || !name || /[*#\s]/.test(name)) return;
  if ([...list.children].some((option) => option.value === name)) return;
  list.append(el("option", { value: name }));
  if (list.children.length > maxSuggestions) list.firstElementChild.remove();
}

function suggest(frame) {
  suggestName(byId("known-channels"), frame.channel);
  if (!frame.event?.startsWith("hotsock.")) suggestName(byId("known-events"), frame.event);
}

function suggestFrom(token) {
  try {
    for (const [channel, directives] of Object.entries(JSON.parse(payloadOf(token)).channels ?? {})) {
      suggestName(byId("known-channels"), channel);
      for (const event of Object.keys(directives?.messages ?? {})) suggestName(byId("known-events"), event);
    }
  } catch {
    // Not a token: the server will say so.
  }
}

start().catch((error) => {
  byId("status").textContent = "The console cannot start: " + visible(error.message);
});
