// The first tab: connecting, with a token that is made here or was pasted.

import { post } from "./api.js";
import { showClaims } from "./claims.js";
import { byId, copies, el, fillIn, onSubmit, button } from "./dom.js";
import { visible } from "./json.js";
import { setUpClaims } from "./mint.js";
import { attempt, show } from "./outcome.js";
import { suggestFrom } from "./suggest.js";
import { showTab } from "./tabs.js";
import { moment } from "./times.js";

export function setUpConnect({ connection, current, explain, canMint }) {
  const pasted = byId("connect-form");
  const field = byId("connect-token");
  field.addEventListener("input", () => describe(field.value));
  onSubmit(pasted, ({ token }, action) => use(pasted, token.trim(), action));
  if (canMint) setUpMint();
  setUpLink(connection, current);

  /** Connects with a token, or goes on with it. */
  async function use(form, token, action) {
    form.querySelector(".problem").textContent = "";
    if (action === "refresh") await refresh(form, token);
    else await connect(form, token);
  }

  async function connect(form, token) {
    show(form, true, "");
    current.token = token;
    suggestFrom(token);
    describe(token);
    try {
      await connection.connect(token);
    } catch (error) {
      form.querySelector(".problem").textContent = visible(await whyRefused(error, token));
      return;
    }
    const next = () => {
      showTab("channels");
      byId("subscribe-channel").focus();
    };
    show(form, true, "Connected.", button("Subscribe to a channel", next));
  }

  async function refresh(form, token) {
    const data = JSON.stringify({ token });
    const answer = await attempt(form, () => connection.command({ event: "hotsock.refresh" }, data), explain, { action: "refresh", command: token });
    if (!answer) return;
    current.token = token;
    describe(token);
    show(form, true, "The connection goes on with this token.");
  }

  function setUpMint() {
    const form = byId("mint-form");
    const made = byId("mint-token");
    form.hidden = false;
    byId("paste").open = false;
    pasted.querySelector(".primary").classList.remove("primary"); // there is one already
    const make = setUpClaims();
    onSubmit(form, async (_, action) => {
      const problem = form.querySelector(".problem");
      problem.textContent = "";
      let token;
      try {
        token = await make();
      } catch (error) {
        problem.textContent = visible(error.message);
        return;
      }
      fillIn(made, token);
      byId("minted").hidden = action !== "make";
      if (action !== "make") await use(form, token, action);
      else show(form, true, "Made.");
    });
    copies(byId("mint-copy"), () => made.value);
    byId("mint-use").addEventListener("click", () => {
      byId("paste").open = true;
      fillIn(field, made.value);
      field.focus();
    });
    byId("mint-subscribe").addEventListener("click", () => {
      showTab("channels");
      byId("subscribe-more").open = true;
      fillIn(byId("subscribe-token"), made.value);
      byId("subscribe-token").focus();
    });
  }
}

function describe(token) {
  byId("claims").replaceChildren(...(token.trim() ? [showClaims(token)] : []));
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

/** What is known of the connection, and what keeps it alive. */
function setUpLink(connection, current) {
  const form = byId("link-form");
  const row = form.querySelector(".row");
  row.append(
    copies(button("Copy id", () => {}), () => connection.id),
    copies(button("Copy token", () => {}), () => current.token),
  );
  connection.addEventListener("state", () => {
    for (const part of document.querySelectorAll("[data-while=open]")) part.hidden = connection.state !== "open";
    if (connection.state === "open") show(form, true, "");
  });
  connection.addEventListener("alive", () => {
    const facts = { Id: connection.id, User: connection.uid ?? "none", Since: moment(connection.since), Until: moment(connection.until) };
    byId("link-facts").replaceChildren(
      ...Object.entries(facts).flatMap(([name, value]) => [el("dt", { textContent: name }), el("dd", { textContent: visible(String(value)) })]),
    );
  });
  onSubmit(form, async (_, action) => {
    const from = performance.now();
    const answer = await attempt(form, () => connection.command({ event: "hotsock." + action }));
    if (answer) show(form, true, `${action === "ping" ? "Pong" : "Accepted"} after ${Math.ceil(performance.now() - from)} ms.`);
  });
}
