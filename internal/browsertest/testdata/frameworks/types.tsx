// What an app may write, held to the types of the hooks by the compiler.
import { Client } from "@hotsock-go/client";
import { MessageList } from "@hotsock-go/client/messages";
import { HotsockProvider, useCall, useChannel, useConnection, useMessages, usePresence, useStorage } from "@hotsock-go/react";

type Events = { chat: { text: string }; typing: undefined };

export function Types() {
  const all = useMessages<Events>("room");
  all.messages.map((message) => message.event === "chat" && message.data.text);
  void all.publish("typing");
  // @ts-expect-error
  void all.publish("chat");
  const some = useMessages<Events, "chat">("room", { event: "chat", limit: 10, keep: 100, history: false, info: true });
  some.messages.map(({ id, data, meta }) => [id, data.text, meta?.uid]);
  void some.update("id", { text: "Hi" }, 2).then(() => some.remove("id"));
  // @ts-expect-error
  useMessages<Events, "chat">("room", { event: "typing" });
  useMessages("room").messages.map((message) => message.data.anything);

  const { channel, active, error } = useChannel<Events>(null, { token: ({ channel }) => `token for ${channel}` });
  channel?.on("message:chat", ({ data }) => data.text);
  // @ts-expect-error
  channel.name;
  usePresence("presence.room").members.map(({ uid, umd }) => [uid, umd]);
  const topic = useStorage<string>("room", "topic");
  void topic.update((text) => text?.toUpperCase() ?? null).then((text) => text?.length);
  const order = useCall<{ number: number }, { item: string }>("order.place", { channel: "room" });
  void order.call({ item: "tea" }, { signal: AbortSignal.timeout(5) }).then(({ number }) => number.toFixed());
  // @ts-expect-error
  void order.call({ itme: "tea" });
  const { client, state, failure } = useConnection<Events>();
  new MessageList(client.channel("room"), { event: "chat" }).get().messages[0]?.data.text.length;
  // @ts-expect-error
  <HotsockProvider />;
  return <HotsockProvider client={new Client<Events>({ url: "/rt" })}>{[active, error?.code, state, failure?.message, order.pending]}</HotsockProvider>;
}
