// What needs the console's own server.

/** An answer that says why not. */
export class Refusal extends Error {
  constructor({ code, message, current }) {
    super(message);
    this.code = code;
    this.current = current; // of a conflict: what is there
  }
}

async function ask(path, init) {
  let response;
  try {
    // Without a name and password of the page's address, which fetch refuses.
    response = await fetch(new URL("api/" + path, location.origin + location.pathname), init);
  } catch {
    throw new Refusal({ code: "UNREACHABLE", message: "the console’s server cannot be reached" });
  }
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Refusal({ code: String(response.status), message: "the console’s server gave no JSON; perhaps you have to log in again" });
  }
  if (!response.ok) throw new Refusal(answer.error ?? { code: String(response.status), message: "" });
  return answer;
}

/** Reads. What is undefined in the query is left out. */
export function get(path, query = {}) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined)).toString();
  return ask(search ? `${path}?${search}` : path);
}

/** Acts, or asks with a body. */
export function post(path, body) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}
