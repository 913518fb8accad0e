// Points in time, and how the clocks of time zones show them.

import { el } from "./dom.js";

const day = 86_400_000; // ms

/** The time zone of this browser's clocks. */
export const here = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The time of day with milliseconds, as a clock here shows it. */
export function clock(date) {
  const pad = (n, width = 2) => String(n).padStart(width, "0");
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}

/** A date and time, for people. */
export function moment(date) {
  return date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** A date and time on the clocks of a zone, which it names. */
export function momentIn(date, timeZone) {
  return date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long", timeZone });
}

const units = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** How far away a point in time is, in words. */
export function distance(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return words.format(Math.round(seconds / size), unit);
}

/** An element that says so, and goes on to as time passes. */
export function age(date) {
  return el("time", { className: "age", dateTime: date.toISOString(), title: moment(date), textContent: distance(date), ariaLive: "off" });
}

setInterval(() => {
  for (const node of document.querySelectorAll(".age")) node.textContent = distance(new Date(node.dateTime));
}, 5_000);

/** Offers all time zones, that of this browser first. */
export function offerZones(select) {
  const zones = new Set([here, "UTC", ...Intl.supportedValuesOf("timeZone")]);
  select.append(...[...zones].map((zone) => el("option", { value: zone, textContent: zone === here ? `${zone} (here)` : zone })));
}

/** Members of a command that put it off until a clock shows a date and time, if one is given. */
export function schedule({ at, zone }) {
  return at ? { scheduleExpression: `at(${at})`, scheduleExpressionTimezone: zone } : {};
}

/** When a clock of the zone shows a date and time, by the rule that the server has for hours that it shows twice or never. */
export function instantOf(at, zone) {
  const wall = Date.parse(at + "Z");
  const [first, second] = [wall - day, wall + day].map((near) => wall - (shown(near, zone) - near));
  return new Date(shown(first, zone) !== wall && shown(second, zone) === wall ? second : first);
}

/** What a clock of the zone shows at an instant, as if it were one of UTC. */
function shown(instant, timeZone) {
  const fields = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" };
  const parts = new Intl.DateTimeFormat("en-u-hc-h23", { timeZone, ...fields }).formatToParts(instant);
  const { year, month, day, hour, minute, second } = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** What became of a request that was put off, in words. */
export function scheduledFor({ at, zone }) {
  const due = instantOf(at, zone);
  return `Scheduled for ${momentIn(due, zone)}` + (zone === here ? "." : `, which is ${momentIn(due, here)} here.`);
}
