// What an app writes that tells the compiler of its events.
import { Client, type Channel, type Message } from "./client.js";
import { HotsockSocket } from "./socket.js";

interface Events {
  chat: { text: string };
  typing: undefined;
  moved: { x: number } | null;
}

export async function use(): Promise<void> {
  const client = new Client<Events>({ url: "/rt", sockets: [WebSocket, HotsockSocket] });
  const room: Channel<Events> = client.channel("room");
  client.on("subscribed", (channel) => channel.send("typing"));

  room.on("message:chat", ({ data, event }) => [data.text.length, event === "chat"]);
  room.on("message", (message) => {
    if (message.event === "chat") message.data.text.length;
    else if (message.event === "moved") message.data?.x.toFixed();
    // @ts-expect-error
    message.data.text;
    // @ts-expect-error
    message.event === "chta";
  });
  // @ts-expect-error
  room.on("message:chta", () => {});
  // @ts-expect-error
  room.on("message:chat", ({ data }) => data.txet);
  // @ts-expect-error
  room.on<{ txet: string }>("message:chat", ({ data }) => data.txet);

  await room.publish("chat", { text: "Hi" });
  await room.publish("typing");
  room.send("moved", null);
  await room.publish("chat", { text: "Hi" }, { at: Date.now() });
  // @ts-expect-error
  await room.publish("chat");
  // @ts-expect-error
  await room.publish("chat", { txet: "Hi" });
  // @ts-expect-error
  await room.publish("chta", { text: "Hi" });
  // @ts-expect-error
  room.send("moved");

  for await (const message of room.history({ limit: 5 })) if (message.event === "chat") message.data.text.length;
  const { messages } = await room.listMessages();
  const newest = messages.at(-1);
  newest?.event === "moved" && newest.data?.x;

  // A channel can have events of its own, and code for any channel takes all.
  client.channel<{ news: string }>("news").on("message:news", ({ data }) => data.length);
  const anywhere: Channel = room;
  anywhere.on<string>("message:news", (message: Message<string>) => message.data.length);
  const leaving = new AbortController();
  await anywhere.subscribe({ signal: leaving.signal });
  leaving.abort();
}
