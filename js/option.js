// What an app gives.

export function milliseconds(name, value, least) {
  if (typeof value !== "number") throw new TypeError(`The ${name} is no number.`);
  // Browsers take a longer time for none.
  if (!(value >= least && value < 2 ** 31)) throw new RangeError(`The ${name} is not from ${least} to 2147483647 ms.`);
  return value;
}

export function schedule(options) {
  if (options === undefined) return {};
  const { at, timeZone } = options;
  // To do it now, because a time got lost, would be wrong.
  if (at === undefined || at === null) throw new TypeError("A schedule needs a time in at.");
  const time = typeof at === "string" ? at : new Date(Math.ceil(at / 1000) * 1000).toISOString().slice(0, 19);
  return { scheduleExpression: `at(${time})`, scheduleExpressionTimezone: timeZone };
}

export async function ask(source, context) {
  if (typeof source !== "function") return source;
  const token = await source(context);
  if (typeof token !== "string" || !token) throw new TypeError("The token function gave no token.");
  return token;
}
