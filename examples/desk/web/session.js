// The session is in a cookie, which no script can read. What can be known is whether
// the server takes it.

import { byId } from "./dom.js";

/** Who is signed in, or null. While the server is away, it waits. */
export async function whoAmI() {
  for (;;) {
    try {
      const answer = await fetch("me");
      if (answer.ok) return await answer.json();
    } catch {}
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
}

/** Posts to the server's own routes; resolves with an Error, or with null if all went well. */
export async function post(path, body) {
  try {
    const answer = await fetch(path, { method: "POST", body: JSON.stringify(body) });
    return answer.ok ? null : new Error((await answer.json()).message);
  } catch {
    return new Error("The server cannot be reached.");
  }
}

/** Tells how the connection is, and goes to the door once the session has ended. */
export function follow(client) {
  client.on("state", (state) => {
    document.documentElement.dataset.link = state;
    byId("trouble").hidden = state === "open" || state === "closed" || !client.failure;
    byId("trouble").textContent = "The connection is lost. What you write is sent once it is back.";
    if (state === "waiting") check(client);
  });
  // The server has ended the connection for good: somebody has signed this user out,
  // or has only disconnected them.
  client.on("error", ({ code }) => code === "UNAUTHORIZED" && check(client));
}

// Browsers do not tell why a connection was refused, so the page asks.
async function check(client) {
  const me = await whoAmI();
  if (!me) location.reload();
  else if (client.state === "closed") client.connect();
}
