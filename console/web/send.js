// Publishing, editing and calling.

import { button, byId, onSubmit } from "./dom.js";
import { jsonProblem, withTexts } from "./json.js";
import { attempt, checkJSON, show } from "./outcome.js";
import { offerZones, schedule, scheduledFor } from "./times.js";

export function setUpSend({ connection, explain }) {
  const publish = byId("publish-form");
  const data = byId("publish-data");
  offerZones(byId("publish-zone"));
  data.addEventListener("input", () => checkJSON(data, jsonProblem));
  onSubmit(publish, async (fields) => {
    if (!checkJSON(data, jsonProblem)) {
      data.focus();
      return;
    }
    const { channel, event, at, zone, via } = fields;
    const members = { event, channel, ...schedule(fields) };
    const text = fields.data.trim();
    const request = async () => {
      if (via === "http") return connection.call("publishMessage", { ...members, eagerIdGeneration: at ? undefined : true }, { data: text });
      return (await connection.command(members, text)).data;
    };
    const answer = await attempt(publish, request, explain, { action: at ? "schedule" : "publish", channel, event, at, zone });
    if (!answer) return;
    if (answer.scheduleArn) show(publish, true, scheduledFor(fields), cancelButton(publish, answer.scheduleArn));
    else show(publish, true, `Accepted as ${answer.id}`);
  });

  function cancelButton(form, arn) {
    return button("Cancel it", async () => {
      const done = await attempt(form, () => connection.call("cancelSchedule", { scheduleArn: arn }));
      if (done) show(form, true, "Cancelled.");
    });
  }

  const change = byId("edit-form");
  const fresh = byId("edit-data");
  fresh.addEventListener("input", () => checkJSON(fresh, jsonProblem));
  onSubmit(change, async ({ channel, message, data, version }, action) => {
    const updates = action === "update";
    if (updates && !checkJSON(fresh, jsonProblem)) {
      fresh.focus();
      return;
    }
    const members = { event: { update: "hotsock.messageUpdate", delete: "hotsock.messageDelete", stop: "hotsock.streamStop" }[action], channel };
    const body = updates ? withTexts({ messageId: message, ifVersion: version ? Number(version) : undefined }, { data: data.trim() || "null" }) : JSON.stringify({ messageId: message });
    const ack = await attempt(change, () => connection.command(members, body), explain, { action, channel });
    if (ack) show(change, true, { update: `Updated to version ${ack.data.version}.`, delete: "Deleted.", stop: "The stream ends." }[action]);
  });

  const call = byId("call-form");
  const params = byId("call-params");
  params.addEventListener("input", () => checkJSON(params, jsonProblem));
  onSubmit(call, async ({ method, channel, params: text }) => {
    if (!checkJSON(params, jsonProblem)) {
      params.focus();
      return;
    }
    const given = text.trim() ? `,"params":${text}` : "";
    const body = `{"method":${JSON.stringify(method)}${given}}`;
    const to = channel ? { event: "hotsock.call", channel } : { event: "hotsock.call" };
    const result = await attempt(call, () => connection.command(to, body), explain, { action: "call", channel, method });
    if (result) show(call, true, `Result: ${JSON.stringify(result.data)}`);
  });
}

/** Fills in the form for an edit of a message as the app sees it. */
export function edit(channel, { id, data, version }) {
  byId("edit-channel").value = channel;
  byId("edit-message").value = id;
  byId("edit-version").value = version ?? 1;
  byId("edit-data").value = JSON.stringify(data, null, 2);
  byId("edit-data").focus();
}
