import { HotsockError } from "./rt/client.js";

// Who we are, kept for this tab: a reload comes back as the same person, and a
// second tab may be somebody else.

const stored = "hotsock-chat";

/** The session of this tab, or null: {name, rooms, seen}. */
export function load() {
  try {
    const session = JSON.parse(sessionStorage.getItem(stored));
    return typeof session.name === "string" && Array.isArray(session.rooms) ? session : null;
  } catch {
    return null;
  }
}

export function save(session) {
  sessionStorage.setItem(stored, JSON.stringify(session));
}

export function forget() {
  sessionStorage.removeItem(stored);
}

/**
 * Asks our own server for a token for this room: {token, inbox}. It throws a
 * HotsockError if the server refuses the name or the room.
 */
export async function mint(name, room) {
  const response = await fetch("token", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name, room }),
    signal: AbortSignal.timeout(10_000),
  });
  const answer = await response.json();
  if (response.status >= 400 && response.status < 500) throw new HotsockError(answer.error.code, answer.error.message);
  return answer;
}

/** A room's name as the server has it: "Tea & Cake" is "tea-cake". */
export function roomName(text) {
  const name = text.toLowerCase().replace(/[^\p{L}\p{M}\p{N}_]+/gu, "-").replace(/^-|-$/g, "");
  return [...name].slice(0, 32).join("");
}

/** A name to begin with, so that one key press is enough to look around. */
export function suggestName() {
  const pick = (list) => list[Math.floor(Math.random() * list.length)];
  const first = pick(["Amber", "Bright", "Calm", "Clever", "Gentle", "Happy", "Jolly", "Quiet", "Sunny", "Swift"]);
  const last = pick(["Badger", "Finch", "Fox", "Hare", "Heron", "Lynx", "Otter", "Owl", "Robin", "Wren"]);
  return `${first} ${last}`;
}
