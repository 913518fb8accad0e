// Hooks of React for the Hotsock client. index.d.ts says what everything does.
import { MessageList } from "@hotsock-go/client/messages";
import { createContext, createElement, useCallback, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";

const Context = createContext(null);

export function HotsockProvider({ client, children }) {
  return createElement(Context.Provider, { value: client }, children);
}

function useClient() {
  const client = useContext(Context);
  if (!client) throw new Error("What uses Hotsock needs a HotsockProvider around it.");
  return client;
}

// Of each client, what useConnection has returned last.
const connections = new WeakMap();

function connectionOf(client) {
  const { state, failure, retryAt, connectionId } = client;
  const now = { client, state, failure, retryAt, connectionId };
  const last = connections.get(client);
  if (last && Object.keys(now).every((name) => last[name] === now[name])) return last;
  connections.set(client, now);
  return now;
}

export function useConnection() {
  const client = useClient();
  const listen = useCallback((changed) => client.on("state", changed), [client]);
  const get = () => connectionOf(client);
  return useSyncExternalStore(listen, get, get);
}

// Renders when a channel has changed: get returns what is shown of it.
function useChannelState(channel, types, get) {
  const client = useClient();
  const listen = useCallback(
    (changed) => {
      const offs = [client.on("state", changed)];
      if (channel) for (const type of types.split(" ")) offs.push(channel.on(type, changed));
      return () => offs.forEach((off) => off());
    },
    [client, channel, types],
  );
  return useSyncExternalStore(listen, get, get);
}

export function useChannel(name, { token, info = false } = {}) {
  const client = useClient();
  const channel = useMemo(() => (name ? client.channel(name) : null), [client, name]);
  const [problem, setProblem] = useState({});
  const latest = useRef(token);
  useEffect(() => {
    latest.current = token;
  });
  // The same function each time, or the channel would be subscribed for each render's.
  const [ask] = useState(() => (context) => (typeof latest.current === "function" ? latest.current(context) : latest.current));
  const hasToken = token !== undefined;
  useEffect(() => {
    if (!channel) return;
    const part = new AbortController();
    const fail = (error) => part.signal.aborted || setProblem({ channel, error });
    const offs = [channel.on("unsubscribed", fail), channel.on("subscribed", () => setProblem((last) => (last.error ? {} : last)))];
    channel.subscribe({ token: hasToken ? ask : undefined, info, signal: part.signal }).catch(fail);
    return () => {
      part.abort();
      for (const off of offs) off();
    };
  }, [channel, ask, hasToken, info]);
  const active = useChannelState(channel, "subscribed unsubscribed", () => channel?.active ?? false);
  const error = problem.channel === channel ? (problem.error ?? null) : null;
  return useMemo(() => ({ channel, active, error }), [channel, active, error]);
}

export function useMessages(name, { event, limit, keep, history, ...options } = {}) {
  const { channel, active, error } = useChannel(name, options);
  const list = useMemo(() => new MessageList(channel, { event, limit, keep, history }), [channel, event, limit, keep, history]);
  useEffect(() => list.start(), [list]);
  const state = useSyncExternalStore(list.listen, list.get, list.get);
  return useMemo(
    () => {
      const { loadOlder, publish, update, remove } = list;
      return { ...state, channel, active, error: error ?? state.error, loadOlder, publish, update, remove };
    },
    [list, state, channel, active, error],
  );
}

const nobody = [];

export function usePresence(name, options) {
  const { channel, active, error } = useChannel(name, options);
  const members = useChannelState(channel, "members subscribed unsubscribed", () => channel?.members ?? nobody);
  return useMemo(() => ({ channel, active, error, members }), [channel, active, error, members]);
}

export function useStorage(name, key, options) {
  const { channel, active, error } = useChannel(name, options);
  const entry = useChannelState(channel, "storage subscribed unsubscribed", () => channel?.storage.get(key));
  return useMemo(() => {
    const there = () => channel ?? Promise.reject(new TypeError("There is no channel."));
    return {
      channel,
      active,
      error,
      data: entry?.data ?? null,
      meta: entry?.meta ?? null,
      set: async (data) => void (await (await there()).set(key, data)),
      update: async (change) => (await there()).update(key, change),
    };
  }, [channel, active, error, entry, key]);
}

export function useCall(method, { channel: name } = {}) {
  const client = useClient();
  const [state, setState] = useState({ pending: false, result: undefined, error: null });
  const last = useRef(null);
  const call = useCallback(
    (params, options) => {
      const place = name === undefined ? client : name ? client.channel(name) : null;
      const promise = place ? place.call(method, params, options) : Promise.reject(new TypeError("There is no channel."));
      last.current = promise;
      const end = (outcome) => last.current === promise && setState({ pending: false, result: undefined, error: null, ...outcome });
      setState((before) => ({ ...before, pending: true, error: null }));
      // The error is told here, so nobody has to wait for the promise.
      promise.then((result) => end({ result }), (error) => end({ error }));
      return promise;
    },
    [client, name, method],
  );
  return useMemo(() => ({ ...state, call }), [state, call]);
}
