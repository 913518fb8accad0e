/** What the client tells of, and is told. All times given as numbers are in milliseconds. */

/** Any JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Who did something: null for the server. */
export interface Meta {
  readonly uid: string | null;
  readonly umd: Json;
}

export interface Member {
  readonly uid: string;
  readonly umd: Json;
}

export interface Message<Data = any, Event extends string = string> {
  /** Ids of a channel grow, and compare as strings. */
  readonly id: string;
  readonly event: Event;
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
export interface StoredMessage<Data = any, Event extends string = string> extends Message<Data, Event> {
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

/** How a presence channel's members changed. "all" is for a list that is new, or new to the listener. */
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

/** The names of the events of an app's messages. */
export type EventOf<Events> = Extract<keyof Events, string>;
/** Any message of an app. What its event is says what its data is. */
export type MessageOf<Events> = { [Event in EventOf<Events>]: Message<Events[Event], Event> }[EventOf<Events>];
/** Any message of an app, from history. */
export type StoredMessageOf<Events> = { [Event in EventOf<Events>]: StoredMessage<Events[Event], Event> }[EventOf<Events>];
/** The data of an event, as the last argument: it can be left out if it can be undefined. */
export type DataOf<Events, Event extends keyof Events> = undefined extends Events[Event] ? [data?: Events[Event]] : [data: Events[Event]];
/** For data that no event says the type of: it can be given where none do. */
export type Untyped<Events, Type> = 0 extends 1 & Events ? Type : never;
