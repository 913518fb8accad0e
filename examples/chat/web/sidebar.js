import { avatar } from "./avatar.js";
import { byId, el, icon } from "./dom.js";

const suggested = ["lobby", "kitchen", "garden"];
const facesShown = 3;

/** Draws the rooms: those joined, with what is unread, and a few to try. */
export function drawRooms(rooms, active, leave) {
  const names = new Set([...suggested, ...rooms.keys()]);
  byId("rooms").replaceChildren(...[...names].map((name) => {
    const joined = rooms.get(name);
    const link = el("a", { href: `#${encodeURIComponent(name)}`, className: joined ? "joined" : "" },
      el("span", { className: "hash", textContent: "#", ariaHidden: "true" }),
      el("span", { className: "name", textContent: name }));
    if (name === active) link.setAttribute("aria-current", "page");
    if (joined?.unread > 0) {
      link.append(el("span", { className: "badge", textContent: joined.unread },
        el("span", { className: "visually-hidden", textContent: " unread" })));
    }
    const item = el("li", {}, link);
    if (joined && rooms.size > 1) {
      const button = el("button", { className: "icon", type: "button", ariaLabel: `Leave ${name}`, title: `Leave ${name}` }, icon("close"));
      button.addEventListener("click", () => leave(name));
      item.append(button);
    }
    return item;
  }));
  const unread = [...rooms.values()].some((room) => room.unread > 0 && room.name !== active);
  byId("elsewhere").hidden = !unread;
}

/** Draws who is in the room, ourselves first. */
export function drawPeople(room) {
  const names = room.members.map((member) => member.uid);
  names.sort((a, b) => (b === room.me) - (a === room.me) || a.localeCompare(b));
  byId("people-count").textContent = names.length || "";
  byId("people").replaceChildren(...names.map((uid) => {
    const item = el("li", {}, avatar(uid), el("span", { className: "name", textContent: uid, dir: "auto" }));
    item.dataset.uid = uid;
    if (uid === room.me) item.append(el("span", { className: "aside", textContent: "you" }));
    if (room.typing.has(uid)) item.append(el("span", { className: "aside", textContent: "typing…" }));
    return item;
  }));

  const others = names.filter((uid) => uid !== room.me);
  const faces = byId("faces");
  faces.replaceChildren(...others.slice(0, facesShown).map(avatar));
  if (others.length > facesShown) {
    faces.append(el("span", { className: "avatar more", textContent: `+${others.length - facesShown}`, ariaHidden: "true" }));
  }
  faces.append(el("span", { className: "visually-hidden", textContent: `${names.length} people here: ${names.join(", ")}` }));
  faces.hidden = others.length === 0;
}

/** Draws who is typing, under the conversation. */
export function drawTyping(room) {
  const names = [...room.typing.keys()];
  let text = "";
  if (names.length === 1) text = `${names[0]} is typing`;
  else if (names.length === 2) text = `${names[0]} and ${names[1]} are typing`;
  else if (names.length > 2) text = "Several people are typing";
  const line = byId("typing");
  line.replaceChildren();
  if (text) {
    line.append(el("span", { className: "dots", ariaHidden: "true" }, el("i"), el("i"), el("i")),
      el("span", { textContent: text, dir: "auto" }));
  }
}
