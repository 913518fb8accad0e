// The names of channels and events that forms suggest.

import { payloadOf } from "./claims.js";
import { byId, el } from "./dom.js";

const maxSuggestions = 50;

/** Lets forms suggest a name. */
function suggestName(list, name) {
  if (typeof name !== "string" || !name || /[*#\s]/.test(name)) return;
  if ([...list.children].some((option) => option.value === name)) return;
  list.append(el("option", { value: name }));
  if (list.children.length > maxSuggestions) list.firstElementChild.remove();
}

/** Suggests what a frame names. */
export function suggest(frame) {
  suggestName(byId("known-channels"), frame.channel);
  if (!frame.event?.startsWith("hotsock.")) suggestName(byId("known-events"), frame.event);
}

/** Suggests what a token names. */
export function suggestFrom(token) {
  try {
    for (const [channel, directives] of Object.entries(JSON.parse(payloadOf(token)).channels ?? {})) {
      suggestName(byId("known-channels"), channel);
      for (const event of Object.keys(directives?.messages ?? {})) suggestName(byId("known-events"), event);
    }
  } catch {
    // Not a token: the server will say so.
  }
}
