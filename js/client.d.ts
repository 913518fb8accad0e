/**
 * The Hotsock client for browsers.
 *
 * All promises are rejected with a {@link HotsockError}, but a TypeError or
 * RangeError for arguments that cannot be right; so do other calls. All times
 * given as numbers are in milliseconds.
 */

import type {
  Append,
  DataOf,
  Deletion,
  Entry,
  EventOf,
  Info,
  Json,
  ListOptions,
  Member,
  MembersChange,
  Message,
  MessageOf,
  Meta,
  PendingSchedule,
  Reaction,
  Schedule,
  Scheduled,
  StoredMessage,
  StoredMessageOf,
  Subscribed,
  Untyped,
  Update,
} from "./data.js";

export type * from "./data.js";

/** The error codes of the protocol, and those of the client's own. */
export type ErrorCode =
  /** Nothing was sent: there was no connection in time, or the client is closed. */
  | "NOT_CONNECTED"
  /** It was sent, but the link broke or no answer came: it may have been done or not. */
  | "NO_ANSWER"
  /** Only on "error" events: the function for a channel's token failed, with that as the cause. It is called again. */
  | "NO_TOKEN"
  /** From `stream`: it was aborted, with the `reason`, or the server's process that wrote it has died. */
  | "STREAM_ABORTED"
  | "STREAM_LOST"
  /** A code of the protocol; "INVALID_JSON" also for a frame of the server that is none. */
  | (string & {});

/**
 * An error that the server answered, or that says what is known when it did
 * not. A token function throws one to say that trying again is useless.
 */
export class HotsockError extends Error {
  constructor(code: ErrorCode, message?: string, options?: ErrorOptions);
  readonly code: ErrorCode;
  /** What your app says about the end of a connection, subscription or stream, for the user to read, if it says anything. */
  readonly reason?: string;
  /** The channel that the server named, if it did. Only on "error" events. */
  readonly channel?: string;
}

/** The time in the id of a message, in ms since 1970 by the server's clock. */
export function timeOf(id: string): number;

/**
 * A token, or a function that gets one from your app; it is called each time
 * that one is needed, and has 15 seconds. If the function throws a HotsockError,
 * that is final; after any other error it is called again, later and later.
 */
export type TokenSource<Context extends unknown[] = []> =
  | string
  | ((...context: Context) => string | Promise<string>);

export interface ClientOptions {
  /**
   * Where the server's handler is mounted, absolute or relative to the page.
   * A query is sent with every request. Needed unless this module was loaded
   * from the handler, which then is the default.
   */
  url?: string | URL;
  /**
   * For connecting. Without it the server's own authentication, by a cookie for instance, has to do. If it is a string
   * that the server refuses, the client closes with UNAUTHORIZED, once an attempt without a WebSocket has learned that.
   */
  token?: TokenSource;
  /**
   * Send the token in the URL of the WebSocket, where access logs may have it, and not as a subprotocol. Servers of 0.2
   * need it, and gateways that pass on no `Sec-WebSocket-Protocol`; so do tokens of your app's own, if they have characters
   * that a JWT has not. Defaults to false.
   */
  tokenInURL?: boolean;
  /**
   * What to connect with, the best first: if one does not get through, the next attempt is made with the next one, and
   * later the client goes back to the first. Defaults to `[WebSocket, HotsockSocket]`; with `[WebSocket]` it does not fall back.
   */
  sockets?: readonly (new (url: URL, protocols: string[]) => WebSocket)[];
  /**
   * Time between two pings, by which a dead link is found and heartbeats that
   * a token asks for are sent: 1,000 to 2,147,483,647, or 0 for none. Browsers
   * let the timers of hidden pages run once a minute. Defaults to 30,000.
   */
  heartbeat?: number;
  /**
   * How long a command waits to be sent, and how long nothing at all may come
   * while an answer is due: then the connection is given up. Up to
   * 2,147,483,647. Defaults to 10,000.
   */
  timeout?: number;
}

/** What `on` returns: stops listening. */
export type Off = () => void;

export type State =
  /** Before connect and after close. */
  | "closed"
  | "connecting"
  | "open"
  /** Until `retryAt`. */
  | "waiting";

/**
 * A connection that heals itself, with any number of channels. It connects when it is told to.
 *
 * With `Client<{ chat: { text: string } }>`, the compiler knows the events of the app's messages, and the data of each.
 */
export class Client<Events = any> {
  constructor(options?: ClientOptions);
  readonly state: State;
  /** While waiting, when it tries next, in ms since 1970. */
  readonly retryAt: number;
  /** For tokens that belong to this connection; null without one. */
  readonly connectionId: string | null;
  /**
   * Why there is no connection: what the token function threw, or how the
   * connection ended as far as the browser knows. null while there is one, and
   * before connect and after close.
   */
  readonly failure: Error | null;

  /**
   * Has the connection go on with a fresh connect token of the same user: with its permissions, and as long to live as
   * a new one. Subscriptions that it does not permit end. The token is asked for if you give none. It is rejected with
   * UNAUTHORIZED if the server does not take it, and nothing has changed then.
   */
  refresh(token?: string): Promise<void>;

  /** Connects, and stays connected until close. While waiting, tries at once. */
  connect(): void;
  /** Closes the connection. What waits is rejected; connect resumes the subscriptions. */
  close(): void;
  /**
   * The channel of that name, or alias; the same object as long as you have it. Use one
   * name of a channel. It needs no subscription as long as you listen to nothing. It is
   * garbage when it is not subscribed, nobody listens to it, and you have it no more.
   */
  channel<Own = Events>(name: string): Channel<Own>;
  /**
   * Calls a method of your app, and resolves with the result. It waits
   * for that as long as it takes, or until the signal (AbortSignal.timeout, for
   * instance). It is rejected with what the app answered, whose code may be one of its
   * own, or with NO_ANSWER if the link broke or the signal came after it was sent; it
   * is not sent again, as the app may have done it.
   */
  call<Result = any>(method: string, params?: unknown, options?: { signal?: AbortSignal }): Promise<Result>;
  /** Changes the connection's metadata, until it reconnects. */
  umdUpdate(token: string): Promise<void>;
  /** Cancels a schedule of this connection or user. After that it is not carried out. */
  cancelSchedule(scheduleArn: string): Promise<void>;

  /** The state has changed. A late listener is told the present one, unless that is "closed". */
  on(type: "state", listener: (state: State) => void): Off;
  /** A channel was subscribed for the first time, perhaps by the token. A late listener is told of all that are. */
  on(type: "subscribed", listener: (channel: Channel<Events>) => void): Off;
  /** What nobody waits for failed, or a token was refused for good and the client is closed. */
  on(type: "error", listener: (error: HotsockError) => void): Off;
}

/**
 * A channel. Commands wait for a connection, and for the subscription if there
 * is to be one, as long as the client's timeout; they are sent in their order.
 *
 * Who begins to listen late, to "subscribed", "members", "storage" or "info", is told how things are, right after `on`
 * has returned.
 */
export class Channel<Events = any> {
  private constructor();
  /** As you called it. */
  readonly name: string;
  /** True while the server has the subscription. */
  readonly active: boolean;
  /** The newest item seen or, before any, where the subscription began; null before that. */
  readonly lastId: string | null;
  /** Who you are on this channel; null before the subscription. */
  readonly meta: Meta | null;
  /** Of a presence channel, as of when it was last heard from. */
  readonly members: readonly Member[];
  /** The entries that you may observe, by key, as of when they were last heard of. */
  readonly storage: ReadonlyMap<string, Entry>;
  /** How many are subscribed, as of when it was last heard of; null unless subscribed with `info`, and before the first. */
  readonly subscriptionsCount: number | null;

  /**
   * Subscribes, now and after each reconnect. Resolves when the server has said
   * yes, and rejects when it has finally said no; as long as there is no
   * connection it waits. Channels that the server subscribes by itself, for the
   * connect token or your app, need it not.
   *
   * It is counted: the channel stays subscribed until each part of the page that subscribed it has left it, by
   * `unsubscribe` or by its signal. What the server subscribes by itself counts as one more. When the server
   * refuses or ends the subscription, it ends for all.
   */
  subscribe(options?: {
    /** Adds permissions. Without it those count that another part of the page gave, or the connect token's. */
    token?: TokenSource<[{ channel: string; connectionId: string }]>;
    /** Go on after this message, which the page has from elsewhere. */
    after?: string;
    /**
     * Tell how many are subscribed, and each change of that, at most once a second, by the event "info", until
     * unsubscribe. It takes the permission getInfo, without which this is refused; a subscription that was there stays.
     */
    info?: boolean;
    /**
     * Begin with stored messages that you may list, the oldest first: with the newest, 1 to 1,000, or those of the last
     * seconds. After a break they come again only if they were missed and the client cannot catch up. If the channel is
     * subscribed already, they come at once, and those that came before once more. Remembered until unsubscribe.
     */
    rewind?: number | { seconds: number };
    /** When it is aborted, this part of the page leaves. That does nothing if the subscription has ended before. */
    signal?: AbortSignal;
  }): Promise<void>;
  /**
   * Takes back one `subscribe` that has no signal. The last one ends the subscription, and nothing is heard of it any
   * more, unless `subscribe` follows without waiting, with the same token: then all goes on. Without any `subscribe`, it
   * leaves what the server subscribes by itself, now and later.
   */
  unsubscribe(): void;

  /**
   * Publishes, and resolves when the message is accepted. If the link breaks before the answer, and your token has a uid,
   * the message is published again, up to three times; the server does not publish it twice. There is no id if the server's app took the message over
   * (BeforePublish), instead of having it published.
   */
  publish<Event extends EventOf<Events>>(event: Event, ...data: DataOf<Events, Event>): Promise<{ readonly id: string }>;
  /** The same, later. */
  publish<Event extends EventOf<Events>>(event: Event, data: Events[Event], options: Schedule): Promise<Scheduled>;
  /** Publishes what may get lost. False if it did at once: there is no connection. */
  send<Event extends EventOf<Events>>(event: Event, ...data: DataOf<Events, Event>): boolean;

  react(messageId: string, reaction: string): Promise<void>;
  unreact(messageId: string, reaction: string): Promise<void>;
  /**
   * Changes the data of a stored message, and resolves with its new version. With ifVersion, it is rejected with CONFLICT
   * if the message is of another version.
   */
  updateMessage(messageId: string, data: unknown, ifVersion?: number): Promise<{ readonly version: number }>;
  /** Deletes a stored message. */
  deleteMessage(messageId: string): Promise<void>;
  /**
   * The text of a message that your app's server writes piece by piece: first the text so far, then each piece as it comes,
   * exactly once, also over breaks. Ends when it is complete; throws STREAM_ABORTED, STREAM_LOST, MESSAGE_NOT_FOUND if it
   * was deleted or you may not list it, or why the subscription ended. If somebody else changes the message meanwhile, the
   * reason is "changed". Leave the loop to listen no more; when the signal is aborted, the loop throws its reason. The
   * channel must be subscribed.
   */
  stream(message: string | { readonly id: string }, options?: { signal?: AbortSignal }): AsyncGenerator<string, void, undefined>;
  /** Has your app end a stream, for everybody, if your token permits `stop`. It then ends as aborted. */
  stopStream(messageId: string): Promise<void>;
  /** All reactions to a message, in their order. */
  reactions(messageId: string): Promise<{ reaction: string; uid: string; umd?: Json }[]>;

  /** Reads a storage entry; null if there is none. */
  get<Data = any>(key: string): Promise<Data | null>;
  /** Writes a storage entry; null clears it. */
  set(key: string, data: unknown): Promise<{}>;
  /** The same, later. */
  set(key: string, data: unknown, options: Schedule): Promise<Scheduled>;
  /**
   * Changes a storage entry: the function gets its data, null for none, and returns the new data, null to clear it. If
   * somebody else changes the entry meanwhile, the function is called again with what is there then, so nobody's change
   * is lost. What it throws ends the update. It resolves with the new data, and takes the permissions get and set.
   */
  update<Data = any>(key: string, change: (data: Data | null) => Data | null | Promise<Data | null>): Promise<Data | null>;
  /**
   * Adds to a number in the storage, in one step; no entry is 0. It resolves with the sum, if you may get the entry, and is
   * rejected with CONFLICT if the entry is not a number.
   */
  add(key: string, number: number): Promise<number | undefined>;
  /** The storage entries that you may get, by key; of up to 100 keys, or all. */
  entries(options?: { keys?: readonly string[] }): AsyncGenerator<Entry, void, undefined>;

  /** What this connection or its user has scheduled here and is still to come, by time. */
  schedules<Data = any>(): AsyncGenerator<PendingSchedule<Data>, void, undefined>;

  /** How many subscriptions there are, and who on a presence channel. */
  info(): Promise<Info>;
  /**
   * Calls a method of your app on this channel, to which you must be subscribed, and resolves with the result. It waits
   * for that as long as it takes, or until the signal (AbortSignal.timeout, for
   * instance). It is rejected with what the app answered, whose code may be one of its
   * own, or with NO_ANSWER if the link broke or the signal came after it was sent; it
   * is not sent again, as the app may have done it.
   */
  call<Result = any>(method: string, params?: unknown, options?: { signal?: AbortSignal }): Promise<Result>;
  /** Changes the metadata of this subscription, until it is made again. */
  umdUpdate(token: string): Promise<void>;

  /** One page of history, of up to 100 messages. */
  listMessages(options?: ListOptions): Promise<{ messages: StoredMessageOf<Events>[]; more: boolean }>;
  listMessages<Data>(options?: Untyped<Events, ListOptions>): Promise<{ messages: StoredMessage<Data>[]; more: boolean }>;
  /** History, message by message; pages are loaded as they are needed. */
  history(options?: ListOptions): AsyncGenerator<StoredMessageOf<Events>, void, undefined>;
  history<Data>(options?: Untyped<Events, ListOptions>): AsyncGenerator<StoredMessage<Data>, void, undefined>;

  /** Each message, once and in order. */
  on(type: "message", listener: (message: MessageOf<Events>) => void): Off;
  /** "message:chat" is for the messages whose event is "chat". */
  on<Event extends EventOf<Events>>(type: `message:${Event}`, listener: (message: Message<Events[Event], Event>) => void): Off;
  on<Data>(type: Untyped<Events, "message" | `message:${string}`>, listener: (message: Message<Data>) => void): Off;
  /** After the subscription was made, or made again. A late listener is told as if it had been made now. */
  on(type: "subscribed", listener: (subscribed: Subscribed) => void): Off;
  /** The subscription was refused or ended, not by you. It is not tried again. */
  on(type: "unsubscribed", listener: (error: HotsockError) => void): Off;
  on(type: "members", listener: (members: readonly Member[], change: MembersChange) => void): Off;
  /** An entry is there or has changed; data is null if it was cleared. */
  on(type: "storage", listener: (entry: Entry) => void): Off;
  /** How many are subscribed, with the option `info`: when the subscription was made, and when that has changed. */
  on(type: "info", listener: (info: Info) => void): Off;
  on(type: "reaction", listener: (reaction: Reaction) => void): Off;
  on<Data = any>(type: "updated", listener: (update: Update<Data>) => void): Off;
  on(type: "appended", listener: (append: Append) => void): Off;
  on(type: "deleted", listener: (deletion: Deletion) => void): Off;
  /** The server has erased the channel: all messages with an id less than this are gone. Entries are cleared one by one. */
  on(type: "erased", listener: (erased: { readonly id: string }) => void): Off;
}
