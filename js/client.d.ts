/**
 * The Hotsock client for browsers.
 *
 * All promises are rejected with a {@link HotsockError}, but a TypeError or
 * RangeError for arguments that cannot be right; so do other calls. All times
 * given as numbers are in milliseconds.
 */

/** Any JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

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
   * A query is sent with every request. Defaults to where this module was
   * loaded from, if that is the handler.
   */
  url?: string | URL;
  /** For connecting. Without it the server's own authentication, by a cookie for instance, has to do. */
  token?: TokenSource;
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

/** Who did something: null for the server. */
export interface Meta {
  readonly uid: string | null;
  readonly umd: Json;
}

export interface Member {
  readonly uid: string;
  readonly umd: Json;
}

export interface Message<Data = any> {
  /** Ids of a channel grow, and compare as strings. */
  readonly id: string;
  readonly event: string;
  readonly channel: string;
  readonly data: Data;
  /** The sender, or null if the server published it. In history the server is a meta of nulls. */
  readonly meta: Meta | null;
  /** Of a message that was updated: 2 after the first time. Without it, it is 1. */
  readonly version?: number;
  /** When it was updated last, if it was. */
  readonly updatedAt?: string;
  /** Of a message that the server writes piece by piece. */
  readonly stream?: StreamState;
}

/** A message was updated. Ignore it if you do not show the message, or in that version already. */
export interface Update<Data = any> {
  /** Id of this change; not of the message. */
  readonly id: string;
  readonly messageId: string;
  readonly data: Data;
  readonly version: number;
  /** Who did it; null if the server did. */
  readonly meta: Meta | null;
}

/** What has become of a message that your app's server writes piece by piece. */
export interface StreamState {
  readonly state: "open" | "complete" | "aborted" | "lost";
  /** Why it was aborted. */
  readonly reason?: string;
}

/** Text was added to the data of a message, which is a string or has a `text`. {@link Channel.stream} puts it together. */
export interface Append {
  /** Id of this change; not of the message. */
  readonly id: string;
  readonly messageId: string;
  /** How long the text was before, as its `length` says. */
  readonly offset: number;
  readonly text: string;
  /** Of the message now. Ignore it if you show that version already. */
  readonly version: number;
  /** If it is told with this piece, which may be empty then. */
  readonly stream?: StreamState;
}

/** A message was deleted. */
export interface Deletion {
  /** Id of this change; not of the message. */
  readonly id: string;
  readonly messageId: string;
  /** Who did it; null if the server did. */
  readonly meta: Meta | null;
}

/** A message from history. */
export interface StoredMessage<Data = any> extends Message<Data> {
  /**
   * By reaction. `items` is there with expandReactions: who is among the first 20 to react to the message, and
   * oneself.
   */
  readonly reactions?: Readonly<Record<string, { count: number; items?: { uid: string; umd?: Json }[] }>>;
}

export interface Reaction {
  /** Id of this change; not of the message. */
  readonly id: string;
  readonly messageId: string;
  readonly reaction: string;
  readonly action: "add" | "remove";
  readonly meta: Meta;
}

export interface Entry<Data = any> {
  readonly key: string;
  /** null if the entry was cleared. */
  readonly data: Data;
  /** Who wrote it last. */
  readonly meta: Meta | null;
}

export interface Info {
  readonly channel: string;
  readonly subscriptionsCount: number;
  readonly members?: readonly Member[];
}

/** How a presence channel's members changed. */
export interface MembersChange {
  readonly kind: "all" | "added" | "updated" | "removed";
  /** Who was added, updated or removed. */
  readonly member?: Member;
}

export interface Subscribed {
  /**
   * null the first time. Afterwards true if everything that was missed follows,
   * and false if something may be missing: then load history again. False can
   * come on a live connection, too.
   */
  readonly recovered: boolean | null;
  /** The newest item seen before, to load history from; null the first time. */
  readonly after: string | null;
  /**
   * With `rewind`, unless everything that was missed follows: how many stored messages follow first, as events "message".
   * With `more`, the history has more of those that were wanted, older than these and newer than `after`.
   */
  readonly rewound?: { readonly messages: number; readonly more?: true };
}

export interface Schedule {
  /**
   * When to do it: a time, or on the clock of timeZone "2030-07-24T09:00:00", or
   * "2030-07-24T09:00" as the value of an input of the type datetime-local is.
   * Rounded up to whole seconds.
   */
  at: Date | number | string;
  /** An IANA name. Defaults to UTC. It only makes sense with a string. */
  timeZone?: string;
}

export interface Scheduled {
  /** For cancelSchedule. */
  readonly scheduleArn: string;
}

/** What is to come: a message, or with `key` a write of a storage entry. */
export interface PendingSchedule<Data = any> {
  /** For cancelSchedule. */
  readonly scheduleArn: string;
  /** When, as a date in ISO 8601. */
  readonly due: string;
  readonly channel: string;
  readonly event: string;
  readonly key?: string;
  readonly data: Data | null;
}

export interface ListOptions {
  /** Only what is newer than this id. */
  after?: string;
  /** With reverse: only what is older than this id. */
  before?: string;
  /** The newest first. */
  reverse?: boolean;
  /** Tell who reacted. */
  expandReactions?: boolean;
  /** How many a page has, 1 to 100. */
  limit?: number;
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

/** A connection that heals itself, with any number of channels. It connects when it is told to. */
export class Client {
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
   * The channel of that name, or alias; the same object every time. Use one
   * name of a channel. It needs no subscription as long as you listen to nothing.
   */
  channel(name: string): Channel;
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

  on(type: "state", listener: (state: State) => void): Off;
  /** A channel was subscribed for the first time, perhaps by the token. */
  on(type: "subscribed", listener: (channel: Channel) => void): Off;
  /** What nobody waits for failed, or a token was refused for good and the client is closed. */
  on(type: "error", listener: (error: HotsockError) => void): Off;
}

/**
 * A channel. Commands wait for a connection, and for the subscription if there
 * is to be one, as long as the client's timeout; they are sent in their order.
 */
export class Channel {
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
   * connection it waits. Channels that the connect token subscribes need it
   * not.
   */
  subscribe(options?: {
    /** Adds permissions. Without it the connect token's count. */
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
  }): Promise<void>;
  /** Ends the subscription: from now on nothing is heard of it. */
  unsubscribe(): void;

  /**
   * Publishes, and resolves when the message is accepted. If the link breaks before the answer, and your token has a uid,
   * the message is published again, up to three times; the server does not publish it twice. There is no id if the server's app took the message over
   * (BeforePublish), instead of having it published.
   */
  publish(event: string, data?: unknown): Promise<{ readonly id: string }>;
  /** The same, later. */
  publish(event: string, data: unknown, options: Schedule): Promise<Scheduled>;
  /** Publishes what may get lost. False if it did at once: there is no connection. */
  send(event: string, data?: unknown): boolean;

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
   * reason is "changed". Leave the loop to listen no more. The channel must be subscribed.
   */
  stream(message: string | { readonly id: string }): AsyncGenerator<string, void, undefined>;
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
  listMessages<Data = any>(options?: ListOptions): Promise<{ messages: StoredMessage<Data>[]; more: boolean }>;
  /** History, message by message; pages are loaded as they are needed. */
  history<Data = any>(options?: ListOptions): AsyncGenerator<StoredMessage<Data>, void, undefined>;

  /** Each message, once and in order. "message:chat" is for those whose event is "chat". */
  on<Data = any>(type: "message" | `message:${string}`, listener: (message: Message<Data>) => void): Off;
  /** After the subscription was made, or made again. */
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
