// The members of a presence channel.
import { emit } from "./emitter.js";
import { object } from "./frame.js";

export function setMembers(channel, members, change) {
  if (!Array.isArray(members)) return;
  channel.members = members;
  emit(channel, "members", members, change);
}

// One of many changes at once, for which the list would be too much.
export function changeMember(channel, { change: kind, member }) {
  if (typeof object(member).uid !== "string") return;
  const members = channel.members.slice();
  const known = members.findIndex(({ uid }) => uid === member.uid);
  const place = known < 0 ? members.length : known;
  members.splice(place, known < 0 ? 0 : 1, ...(kind === "removed" ? [] : [member]));
  setMembers(channel, members, { kind, member });
}

// What was added goes to the end, also if it is there already.
export function changeTogether(channel, data) {
  const list = (name) => (Array.isArray(data[name]) ? data[name] : []);
  const members = (name) => list(name).filter((member) => typeof object(member).uid === "string");
  const [removed, updated, added] = [list("removed"), members("updated"), members("added")];
  const old = new Map(channel.members.map((member) => [member.uid, member]));
  const now = new Map(old);
  for (const uid of [...removed, ...added.map(({ uid }) => uid)]) now.delete(uid);
  const named = [...updated.filter(({ uid }) => now.has(uid)), ...added];
  for (const member of named) now.set(member.uid, member);
  channel.members = [...now.values()];
  const tell = (kind, member) => emit(channel, "members", channel.members, { kind, member });
  for (const uid of removed) if (old.has(uid) && !now.has(uid)) tell("removed", old.get(uid));
  for (const member of named) {
    const was = old.get(member.uid);
    if (!was) tell("added", member);
    else if (JSON.stringify(was) !== JSON.stringify(member)) tell("updated", member);
  }
}
