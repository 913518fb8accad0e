// The errors that an app gets.

export class HotsockError extends Error {
  name = "HotsockError";

  constructor(code, message, options) {
    super(message || code, options);
    this.code = code;
  }
}

export const told = (error, reason) => (reason ? Object.assign(error, { reason }) : error);

export const noAnswer = (cause) =>
  new HotsockError("NO_ANSWER", `No answer came: it may have been done or not. ${cause?.message ?? cause}`, { cause });
export const noConnection = (why) => new HotsockError("NOT_CONNECTED", why);
export const noToken = (name, cause) =>
  new HotsockError("NO_TOKEN", `No token for ${name}: ${cause?.message ?? cause}`, { cause });
export const tooLate = () => noConnection("Nothing came in time.");
export const notConnected = () => noConnection("Not connected: nothing was sent.");
export const unsubscribed = () => new HotsockError("NOT_SUBSCRIBED", "Unsubscribed.");
