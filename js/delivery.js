// What happens on a channel, told to the app.
import { emit } from "./emitter.js";
import { isId, object } from "./frame.js";
import { changeMember, changeTogether, setMembers } from "./members.js";

export function setEntry({ channel, stale }, entry) {
  stale?.delete(entry.key);
  if (entry.data === null) channel.storage.delete(entry.key);
  else channel.storage.set(entry.key, entry);
  emit(channel, "storage", entry);
}

// Takes a frame that is due and not known yet.
export function apply(sub, frame, data) {
  const { event, id, key, meta = null } = frame;
  const { channel } = sub;
  switch (event) {
    case "hotsock.memberAdded":
    case "hotsock.memberUpdated":
    case "hotsock.memberRemoved":
      setMembers(channel, data.members, { kind: event.slice(14).toLowerCase(), member: data.member });
      break;
    case "hotsock.memberChanged":
      changeMember(channel, data);
      break;
    case "hotsock.membersChanged":
      changeTogether(channel, data);
      break;
    case "hotsock.channelStorageUpdated":
      if (typeof key === "string") setEntry(sub, { key, data: frame.data ?? null, meta });
      break;
    case "hotsock.channelInfo":
      if (!Number.isInteger(data.subscriptionsCount)) break;
      channel.subscriptionsCount = data.subscriptionsCount;
      emit(channel, "info", { channel: frame.channel, subscriptionsCount: data.subscriptionsCount });
      break;
    case "hotsock.messageReactionAdded":
    case "hotsock.messageReactionRemoved":
      emit(channel, "reaction", { ...data, id, meta: object(meta) });
      break;
    case "hotsock.messageUpdated":
    case "hotsock.messageAppended":
    case "hotsock.messageDeleted":
      emit(channel, event.slice(15).toLowerCase(), { ...data, id, meta });
      break;
    case "hotsock.channelErased":
      emit(channel, "erased", { id });
      break;
    default:
      if (event.startsWith("hotsock.") || !isId(id)) break;
      const message = { id, event, channel: frame.channel, data: frame.data ?? null, meta };
      if (frame.version) Object.assign(message, { version: frame.version, updatedAt: frame.updatedAt });
      if (frame.stream) message.stream = frame.stream;
      emit(channel, "message", message);
      emit(channel, `message:${event}`, message);
  }
}
