// What an app writes, held to client.d.ts by the compiler.
import { Client, HotsockError, timeOf, type Channel, type Message } from "./client.js";
import * as declared from "./client.js";
import * as written from "./source.js";

// All that is declared is there: source.js is client.js without its types.
export const complete: Pick<typeof declared, "HotsockError" | "timeOf"> = written;
type Public<T> = { [K in keyof T]: T[K] extends (...args: never[]) => unknown ? (...args: any[]) => any : unknown };
export const client: Public<Client> = new written.Client();
export const room: Public<Channel> = new written.Client().channel("room");

interface Text {
  text: string;
}

export async function use(): Promise<void> {
  const client = new Client({ url: "/rt", token: async () => "token", heartbeat: 0, timeout: 1000 });
  new Client();
  new Client({ url: new URL("https://example.com/rt"), token: "token" });
  // @ts-expect-error
  new Client({ tokn: "" });
  client.on("state", (state) => state === "waiting" && [client.retryAt, client.failure?.message]);
  // @ts-expect-error
  client.on("state", (state) => state === "asleep");
  client.on("error", (error) => error.code === "RATE_LIMITED" && error.channel);
  const off = client.on("subscribed", (channel) => channel.name);
  off();

  const room: Channel = client.channel("room");
  room.on<Text>("message:chat", ({ id, data, meta }) => [timeOf(id), data.text.length, meta?.uid]);
  room.on("message", (message: Message) => message.data);
  room.on("members", (members, { kind, member }) => [members[0]?.uid, kind === "added", member?.umd]);
  room.on("storage", ({ key, data, meta }) => [key, data, meta?.uid]);
  room.on("reaction", ({ messageId, action }) => [messageId, action === "add"]);
  room.on<Text>("updated", ({ messageId, data, version, meta }) => [messageId, data.text, version + 1, meta?.uid]);
  room.on("deleted", ({ id, messageId }) => [id, messageId]);
  room.on("erased", ({ id }) => id > "");
  room.on("subscribed", ({ recovered, after }) => recovered ?? after?.length);
  room.on("info", ({ subscriptionsCount }) => subscriptionsCount === room.subscriptionsCount);
  room.on("unsubscribed", (error) => error instanceof HotsockError);
  // @ts-expect-error
  room.on("massage", () => {});
  await room.subscribe({ token: ({ channel, connectionId }) => channel + connectionId, after: "01JA3HVNF6E89HDT1ABRFWJ8C8", info: true });

  const { id } = await room.publish("chat", { text: "Hi" } satisfies Text);
  const { scheduleArn } = await room.publish("chat", null, { at: new Date() });
  // @ts-expect-error
  (await room.publish("chat")).scheduleArn;
  await room.set("k", 1, { at: "2030-07-24T09:00:00", timeZone: "Europe/London" });
  await client.cancelSchedule(scheduleArn);
  const sent: boolean = room.send("typing");
  await room.react(id, "👍");
  await room.unreact(id, "👍");
  const { version } = await room.updateMessage(id, { text: "Hello" } satisfies Text);
  await room.updateMessage(id, null, version);
  await room.deleteMessage(id);
  for (const { reaction, uid } of await room.reactions(id)) reaction + uid;
  const topic = await room.get<string>("topic");
  topic?.length;
  for await (const { key } of room.entries({ keys: ["a"] })) key.length;
  for await (const m of room.history<Text>({ reverse: true })) m.reactions?.["👍"]?.count;
  const { messages, more } = await room.listMessages({ before: id, expandReactions: true });
  const left: [number, boolean, boolean] = [messages.length, more, sent];
  const { subscriptionsCount, members } = await room.info();
  left.push(subscriptionsCount, ...(members ?? []).map(() => 1));
  await room.umdUpdate("token");
  await client.umdUpdate("token");
  const receipt = await client.call<{ order: number }>("order.place", { item: "tea" }, { signal: AbortSignal.timeout(5_000) });
  receipt.order.toFixed();
  await room.call("typing");
  // @ts-expect-error
  room.members = [];
  room.unsubscribe();
  client.close();
}
