// Frames and HTTP requests as they are typed in.

import { Refusal } from "./api.js";
import { byId, el, onSubmit } from "./dom.js";
import { highlight, jsonProblem, visible } from "./json.js";
import { attempt, show } from "./outcome.js";

export function setUpRaw({ connection }) {
  byId("request-base").textContent = connection.base + "/";

  const frame = byId("frame-form");
  onSubmit(frame, async ({ text }) => {
    const place = frame.querySelector(".answer");
    place.replaceChildren();
    let answer;
    const sent = await attempt(frame, async () => {
      answer = await connection.raw(text);
      return true;
    });
    if (!sent) return;
    show(frame, true, answer === undefined ? "Sent. Without a ref, what comes back is in the traffic." : "Answered.");
    if (answer !== undefined) place.append(shown(answer));
  });

  const request = byId("request-form");
  onSubmit(request, async ({ method, path, who, body }) => {
    const place = request.querySelector(".answer");
    place.replaceChildren();
    const from = performance.now();
    const answer = await attempt(request, () => {
      const key = byId("app-key").value.trim();
      if (who === "app" && !key) throw new Refusal({ code: "NO_KEY", message: "type an API key in on the tab App" });
      const reads = method === "GET"; // and has no body
      return connection.request({ method, path: path.replace(/^\/+/, ""), body: reads ? "" : body.trim(), asClient: who === "client", key: who === "app" ? key : undefined });
    });
    if (!answer) return;
    show(request, answer.status.startsWith("2"), `${answer.status}, after ${Math.ceil(performance.now() - from)} ms`);
    if (answer.text) place.append(shown(answer.text));
  });
}

/** An answer: JSON if it is, or any text. */
function shown(text) {
  return jsonProblem(text) ? el("pre", { className: "json", textContent: visible(text) }) : highlight(text);
}
