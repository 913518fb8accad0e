/**
 * Hooks of React for the Hotsock client. They work in StrictMode, and do not suspend.
 *
 * Each component that names a channel has it subscribed as long as it is mounted. Components share a channel; it is left
 * when the last one is unmounted. A channel without a name, "" or null, is none yet.
 */
import type { Channel, Client, EventOf, HotsockError, Member, Meta, State, TokenSource } from "@hotsock-go/client";
import type { ListOptions, MessageList, Shown } from "@hotsock-go/client/messages";
import type { ReactElement, ReactNode } from "react";

/**
 * Gives the client to the components in it. Your app connects the client and closes it. The innermost provider counts,
 * so an app can have several clients.
 */
export function HotsockProvider(props: { client: Client; children?: ReactNode }): ReactElement;

export interface Connection<Events = any> {
  readonly client: Client<Events>;
  readonly state: State;
  /** Why there is no connection. */
  readonly failure: Error | null;
  /** While waiting, when the client tries next, in ms since 1970. */
  readonly retryAt: number;
  readonly connectionId: string | null;
}

/** The client of the provider, and its state. */
export function useConnection<Events = any>(): Connection<Events>;

export interface ChannelOptions {
  /** As of `Channel.subscribe`. It need not be the same function each time. */
  token?: TokenSource<[{ channel: string; connectionId: string }]> | undefined;
  /** Have `channel.subscriptionsCount`, and "info" events. */
  info?: boolean;
}

export interface ChannelState<Events = any> {
  /** For commands and events; null if there is no name. */
  readonly channel: Channel<Events> | null;
  /** True while the server has the subscription. */
  readonly active: boolean;
  /** Why the server has refused or ended the subscription, or what else went wrong; null otherwise. */
  readonly error: HotsockError | null;
}

/** Subscribes a channel. */
export function useChannel<Events = any>(name: string | null | undefined, options?: ChannelOptions): ChannelState<Events>;

export interface MessagesOptions<Event extends string = string> extends ChannelOptions, ListOptions<Event> {}

export interface Messages<Events = any, Event extends EventOf<Events> = EventOf<Events>>
  extends Shown<Events, Event>,
    Pick<MessageList<Events, Event>, "loadOlder" | "publish" | "update" | "remove"> {
  readonly channel: Channel<Events> | null;
  readonly active: boolean;
  /** Why the channel is not subscribed, or its history was not loaded. */
  readonly error: HotsockError | null;
}

/**
 * Subscribes a channel and shows its messages: first history, then what comes. Without the permission to list messages,
 * it begins empty.
 */
export function useMessages<Events = any, Event extends EventOf<Events> = EventOf<Events>>(
  name: string | null | undefined,
  options?: MessagesOptions<Event>,
): Messages<Events, Event>;

/** Subscribes a presence channel; `members` are who is there. */
export function usePresence(
  name: string | null | undefined,
  options?: ChannelOptions,
): ChannelState & { readonly members: readonly Member[] };

export interface Stored<Data = any> extends ChannelState {
  /** null if there is no entry. */
  readonly data: Data | null;
  /** Who wrote it. */
  readonly meta: Meta | null;
  /** As `Channel.set`; null clears the entry. `data` is the new one when the server says so. */
  set(data: Data | null): Promise<void>;
  /** As `Channel.update`. */
  update(change: (data: Data | null) => Data | null | Promise<Data | null>): Promise<Data | null>;
}

/** Subscribes a channel, and observes a storage entry of it. */
export function useStorage<Data = any>(name: string | null | undefined, key: string, options?: ChannelOptions): Stored<Data>;

export interface Call<Result = any, Params = any> {
  /** Calls the method. What became of it is told by the promise, and by the rest of this until the next call. */
  call(params?: Params, options?: { signal?: AbortSignal }): Promise<Result>;
  /** True until the last call has been answered. */
  readonly pending: boolean;
  /** Of the last call. */
  readonly result: Result | undefined;
  /** Of the last call. */
  readonly error: HotsockError | TypeError | null;
}

/** Calls a method of your app, on a channel that is subscribed if you name one. With null, calls fail: the channel is not known yet. */
export function useCall<Result = any, Params = any>(
  method: string,
  options?: { channel?: string | null | undefined },
): Call<Result, Params>;
