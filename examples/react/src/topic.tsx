import { useStorage } from "@hotsock-go/react";

/** The room's topic, which everyone can change. */
export function Topic({ room }: { room: string }) {
  const topic = useStorage<string>(room, "topic");
  return (
    <h1>
      <button onClick={() => topic.set(prompt("Topic", topic.data ?? "") || null)}>{topic.data ?? "No topic"}</button>
    </h1>
  );
}
