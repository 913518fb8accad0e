import { useMessages } from "@hotsock-go/react";
import { Composer } from "./composer";
import { Dice } from "./dice";
import { Members } from "./members";
import { Topic } from "./topic";

/** The messages of the app, by event. */
export type Events = { chat: { text: string }; rolled: number };

export function Room({ name }: { name: string }) {
  const { messages, more, loading, loadOlder, publish, error } = useMessages<Events>(name, { limit: 20 });
  if (error) return <p role="alert">{error.message}</p>;
  return (
    <main>
      <Topic room={name} />
      <Members room={name} />
      {more && <button disabled={loading} onClick={loadOlder}>Older</button>}
      <ol className="messages">
        {messages.map(({ id, meta, ...message }) => (
          <li key={id}>
            <b>{meta?.uid ?? "The house"}</b> {message.event === "chat" ? message.data.text : `rolled a ${message.data}`}
          </li>
        ))}
      </ol>
      <Composer send={(text) => publish("chat", { text })} />
      <Dice room={name} />
    </main>
  );
}
