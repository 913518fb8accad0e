// Changing the metadata that others see, with a umd token that is pasted or made here.

import { Refusal } from "./api.js";
import { byId, onSubmit } from "./dom.js";
import { jsonProblem } from "./json.js";
import { makeUmdToken } from "./mint.js";
import { attempt, show } from "./outcome.js";
import { isToken } from "./secrets.js";

export function setUpUmd({ connection, explain, canMint }) {
  const form = byId("umd-form");
  form.querySelector("[data-mints]").hidden = !canMint;

  async function tokenFor(text, channel) {
    if (isToken(text) || !canMint) return text;
    const wrong = jsonProblem(text);
    if (wrong) throw new Refusal({ code: "NO_TOKEN", message: "this is neither a token nor JSON: " + wrong });
    return makeUmdToken(connection.id, JSON.parse(text), channel);
  }

  onSubmit(form, async ({ channel, token: text }) => {
    const question = { action: "umdUpdate", channel };
    const request = async () => {
      const token = await tokenFor(text.trim(), channel);
      question.command = token;
      return connection.command({ event: "hotsock.umdUpdate", channel: channel || undefined }, JSON.stringify({ token }));
    };
    if (await attempt(form, request, explain, question)) show(form, true, "Updated.");
  });
}
