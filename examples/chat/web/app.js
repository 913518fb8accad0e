import { avatar } from "./avatar.js";
import { Composer } from "./composer.js";
import { setUpNotes, setUpSettings } from "./dialogs.js";
import { byId } from "./dom.js";
import { Inbox } from "./inbox.js";
import { Picker } from "./picker.js";
import { setUpReminders } from "./reminders.js";
import { colours, Room } from "./room.js";
import { Client, HotsockError } from "./rt/client.js";
import * as session from "./session.js";
import { drawPeople, drawRooms, drawTyping } from "./sidebar.js";
import { LinkStatus } from "./status.js";
import { Timeline } from "./timeline.js";
import { toast } from "./toast.js";

const rooms = new Map(); // by name; each also has its timeline and unread count
let me = null; // the session
let client = null;
let active = null; // the room on the page
let picker, composer;

start();

function start() {
  const known = session.load();
  if (known) enter(known).catch(() => askWho(known.name));
  else askWho(session.suggestName());
}

function askWho(name) {
  const dialog = byId("join");
  const form = byId("join-form");
  form.elements.name.value = name;
  form.elements.room.value = roomInAddress() || "lobby";
  dialog.addEventListener("close", () => {
    if (!me) dialog.showModal(); // there is nothing behind it yet
  });
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const name = form.elements.name.value.trim();
    const room = session.roomName(form.elements.room.value);
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      history.replaceState(null, "", `#${encodeURIComponent(room)}`);
      await enter({ name, rooms: [room], seen: "" });
      dialog.close();
      composer.focus();
    } catch (error) {
      byId("join-problem").textContent = error instanceof HotsockError ? error.message : "The server cannot be reached. Try again.";
    } finally {
      button.disabled = false;
    }
  });
  dialog.showModal();
  form.elements.name.select();
}

async function enter(who) {
  const first = roomInAddress() || who.rooms[0] || "lobby";
  const { inbox: inboxName } = await session.mint(who.name, first);
  me = who;
  session.save(me);
  client = new Client({ token: tokenFor(first) });
  client.on("error", (error) => toast(error.message));
  new LinkStatus(client);
  const inbox = new Inbox(client, inboxName, tokenFor(first), me.seen, (id) => {
    me.seen = id;
    session.save(me);
  });
  picker = new Picker();
  composer = new Composer(() => active.timeline.focusLast(), (error) => toast(error.message));
  setUpReminders(() => active, inbox);
  setUpSettings(() => active);
  setUpNotes(() => active);
  setUpShell();
  for (const name of me.rooms) join(name);
  byId("shell").hidden = false;
  show(first);
  client.connect();
}

function tokenFor(room) {
  return async () => (await session.mint(me.name, room)).token;
}

function setUpShell() {
  byId("my-name").textContent = me.name;
  byId("my-avatar").replaceWith(avatar(me.name));
  byId("sign-out").addEventListener("click", () => {
    client.close();
    session.forget();
    location.reload();
  });
  byId("share").addEventListener("click", share);
  byId("tools").addEventListener("click", () => byId("tools").hidePopover());
  byId("jump").addEventListener("click", () => {
    active.timeline.toEnd();
    composer.focus();
  });
  byId("other-room").addEventListener("submit", (e) => {
    e.preventDefault();
    const field = e.target.elements.room;
    const name = session.roomName(field.value);
    field.value = "";
    if (name) location.hash = encodeURIComponent(name);
  });
  addEventListener("hashchange", () => show(roomInAddress() || "lobby"));
  document.addEventListener("visibilitychange", look);
}

function roomInAddress() {
  try {
    return session.roomName(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return ""; // a broken escape
  }
}

function join(name) {
  const room = new Room(client, name, me.name, tokenFor(name));
  room.unread = 0;
  room.timeline = new Timeline(room, picker, {
    fail: (error) => toast(error.message),
    edit: (message) => composer.edit(message),
    greet: () => composer.write("Hello! 👋"),
    share,
  });
  rooms.set(name, room);
  room.timeline.element.addEventListener("moved", look);
  const whenActive = (draw) => () => room === active && draw(room);
  room.addEventListener("members", whenActive(drawPeople));
  room.addEventListener("typing", whenActive(drawTyping));
  room.addEventListener("typing", whenActive(drawPeople));
  room.addEventListener("settings", whenActive(drawSettings));
  room.addEventListener("arrived", (e) => arrived(room, e.detail));
  room.addEventListener("refused", (e) => {
    toast(`${name}: ${e.detail.message}`);
    if (rooms.size > 1) leave(name);
  });
  return room;
}

function leave(name) {
  rooms.get(name).leave();
  rooms.delete(name);
  remember();
  if (active.name === name) location.hash = encodeURIComponent(rooms.keys().next().value);
  else drawUnread();
}

function show(name) {
  const room = rooms.get(name) ?? join(name);
  active = room;
  remember();
  byId("room-name").textContent = name;
  room.timeline.show(byId("timelines"));
  composer.show(room);
  drawPeople(room);
  drawTyping(room);
  drawSettings(room);
  if (isRead(room)) room.unread = 0;
  drawUnread();
  byId("sidebar").hidePopover();
  if (matchMedia("(hover: hover)").matches) composer.focus(); // no keyboard over half a phone
}

function remember() {
  me.rooms = [...rooms.keys()];
  session.save(me);
}

function drawSettings(room) {
  document.documentElement.style.setProperty("--hue", colours.get(room.colour));
  document.documentElement.dataset.colour = room.colour;
  byId("room-topic").textContent = room.topic;
}

// A message is unread while its room is not on the page, the page is hidden,
// or the reader is further up.
function arrived(room, message) {
  if (isRead(room)) return;
  if (room.unread === 0) room.timeline.markUnread(message);
  room.unread++;
  drawUnread();
}

function isRead(room) {
  return room === active && document.visibilityState === "visible" && room.timeline.atEnd;
}

// Takes note of what is in view now.
function look() {
  if (active.unread > 0 && isRead(active)) {
    active.unread = 0;
    drawUnread();
  }
  drawJump();
}

function drawUnread() {
  drawRooms(rooms, active.name, leave);
  let total = 0;
  for (const room of rooms.values()) total += room.unread;
  document.title = `${total > 0 ? `(${total}) ` : ""}${active.name} · Hotsock chat`;
  drawJump();
}

function drawJump() {
  const jump = byId("jump");
  const { unread, timeline } = active;
  jump.hidden = timeline.atEnd;
  jump.ariaLabel = unread > 0 ? `${unread} new, go to the newest` : "Go to the newest message";
  jump.lastElementChild.textContent = unread > 0 ? `${unread} new` : "";
}

async function share() {
  const address = new URL(`#${encodeURIComponent(active.name)}`, location.href).href;
  try {
    await navigator.clipboard.writeText(address);
    toast("The link to this room is copied.");
  } catch {
    toast(address); // no clipboard here: let it be copied by hand
  }
}
