import type { Channel, DataOf, EventOf, HotsockError, StoredMessageOf } from "./client.js";

export interface ListOptions<Event extends string = string> {
  /** Only messages with this event. */
  event?: Event | undefined;
  /** How many messages of the history come first, and with each `loadOlder`: 1 to 100. Defaults to 50. */
  limit?: number | undefined;
  /** How many messages are kept, besides those that `loadOlder` has loaded; older ones can be loaded again. Defaults to 1,000. */
  keep?: number | undefined;
  /** False to show what comes only. */
  history?: boolean | undefined;
}

/** What there is to show. */
export interface Shown<Events = any, Event extends EventOf<Events> = EventOf<Events>> {
  /** In their order. `reactions` are as of loading. */
  readonly messages: readonly StoredMessageOf<Pick<Events, Event>>[];
  /** True if there may be older messages. */
  readonly more: boolean;
  /** True while history is loaded. */
  readonly loading: boolean;
  /** Why history was not loaded; null otherwise. What a second try may help with is tried again. */
  readonly error: HotsockError | null;
}

/**
 * The messages of a channel, for a page to show: its history, what comes, and what becomes of them by updates, deletions,
 * erasures and appends. After a break of which not everything can be caught up with, what is shown is loaded again.
 * Without the permission to list messages, it begins empty.
 *
 * It listens and does not subscribe: the page subscribes the channel. `listen` and `get` are a store, as many frameworks
 * want it. Its functions can be passed on alone.
 */
export class MessageList<Events = any, Event extends EventOf<Events> = EventOf<Events>> {
  /** Without a channel there are no messages. */
  constructor(channel: Channel<Events> | null, options?: ListOptions<Event>);
  /** Follows the channel until the returned function is called. It can be started again. */
  start(): () => void;
  /** Calls the listener when there is something else to show, until the returned function is called. */
  listen: (listener: () => void) => () => void;
  /** Another object after each change, and only then. */
  get: () => Shown<Events, Event>;
  /** Loads older messages. It does nothing if there are none, or while history is loaded. It never rejects: see `error`. */
  loadOlder: () => Promise<void>;
  /** Publishes as `Channel.publish` does, and shows the message when the server has accepted it. */
  publish: <E extends EventOf<Events>>(event: E, ...data: DataOf<Events, E>) => Promise<void>;
  /** Updates a message as `Channel.updateMessage` does, and shows that when the server has accepted it. */
  update: (messageId: string, data: Events[Event], ifVersion?: number) => Promise<void>;
  /** Deletes a message for everybody as `Channel.deleteMessage` does, and shows that when the server has accepted it. */
  remove: (messageId: string) => Promise<void>;
}
