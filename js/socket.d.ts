/**
 * A WebSocket where none gets through, as behind some proxies: what comes is a long answer of HTTP, what is sent goes by
 * POST. It takes the URL and the protocols that a WebSocket to the same server takes, and nothing else can tell them apart,
 * except that it is "open" when the first message comes, sends text only, has no reason to close with, and is closed with
 * 1008, not 1006, if the server refuses the token, unless it says that the token will be good later.
 */
export class HotsockSocket extends EventTarget implements WebSocket {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;
  constructor(url: string | URL, protocols?: string | string[]);
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  binaryType: BinaryType;
  readonly bufferedAmount: number;
  readonly extensions: string;
  readonly protocol: string;
  readonly readyState: 0 | 1 | 2 | 3;
  readonly url: string;
  onclose: ((this: WebSocket, event: CloseEvent) => any) | null;
  onerror: ((this: WebSocket, event: Event) => any) | null;
  onmessage: ((this: WebSocket, event: MessageEvent) => any) | null;
  onopen: ((this: WebSocket, event: Event) => any) | null;
  close(code?: number, reason?: string): void;
  send(data: string | BufferSource | Blob): void;
}
