import { MessageList } from "@hotsock-go/client/messages";
import { onScopeDispose, shallowRef } from "vue";

/** The messages of a channel, as long as the component is there. */
export function useMessages(client, name, options) {
  const channel = client.channel(name);
  const list = new MessageList(channel, options);
  const shown = shallowRef(list.get()); // messages, more, loading, error
  const refused = shallowRef(null);
  const part = new AbortController();
  const ends = [
    list.listen(() => (shown.value = list.get())),
    channel.on("unsubscribed", (error) => (refused.value = error)),
    list.start(),
  ];
  channel.subscribe({ signal: part.signal }).catch(() => {}); // "unsubscribed" tells
  onScopeDispose(() => [() => part.abort(), ...ends].forEach((end) => end()));
  return { shown, refused, loadOlder: list.loadOlder, publish: list.publish };
}
