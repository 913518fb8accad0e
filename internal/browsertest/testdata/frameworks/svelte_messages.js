import { MessageList } from "@hotsock-go/client/messages";
import { readable } from "svelte/store";

/** The messages of a channel, as long as somebody subscribes to this store. */
export function messagesOf(client, name, options) {
  const channel = client.channel(name);
  const list = new MessageList(channel, options);
  const start = (set) => {
    let refused = null;
    const draw = () => set({ ...list.get(), refused }); // messages, more, loading, error
    const part = new AbortController();
    const refuse = (error) => {
      refused = error;
      draw();
    };
    const ends = [list.listen(draw), channel.on("unsubscribed", refuse), list.start()];
    channel.subscribe({ signal: part.signal }).catch(() => {}); // "unsubscribed" tells
    return () => [() => part.abort(), ...ends].forEach((end) => end());
  };
  const { subscribe } = readable({ ...list.get(), refused: null }, start);
  return { subscribe, loadOlder: list.loadOlder, publish: list.publish };
}
