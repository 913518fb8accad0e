// Publishing, reacting, editing and calling.

import { button, byId, moment, onSubmit } from "./dom.js";
import { jsonProblem, withTexts } from "./json.js";
import { attempt, checkJSON, show } from "./outcome.js";
import { schedule } from "./connection.js";

export function setUpSend({ connection, explain }) {
  const publish = byId("publish-form");
  const data = byId("publish-data");
  data.addEventListener("input", () => checkJSON(data, jsonProblem));
  onSubmit(publish, async (fields) => {
    if (!checkJSON(data, jsonProblem)) {
      data.focus();
      return;
    }
    const { channel, event } = fields;
    const question = { action: fields.at ? "schedule" : "publish", channel, event, at: fields.at };
    const ack = await attempt(publish, () => connection.command({ event, channel, ...schedule(fields.at) }, fields.data.trim()), explain, question);
    if (!ack) return;
    const arn = ack.data?.scheduleArn;
    if (arn) show(publish, true, `Scheduled for ${moment(new Date(fields.at))}. `, cancelButton(publish, arn));
    else show(publish, true, `Accepted as ${ack.data?.id}`);
  });

  function cancelButton(form, arn) {
    return button("Cancel it", async () => {
      const done = await attempt(form, () => connection.call("cancelSchedule", { scheduleArn: arn }));
      if (done) show(form, true, "Cancelled.");
    });
  }

  const react = byId("react-form");
  onSubmit(react, async ({ channel, message, reaction }, action) => {
    const body = JSON.stringify({ messageId: message, reaction, action: action || "add" });
    const ack = await attempt(react, () => connection.command({ event: "hotsock.messageReaction", channel }, body), explain, {
      action: "react",
      channel,
      reaction,
    });
    if (ack) show(react, true, action === "remove" ? "Removed." : "Added.");
  });

  const change = byId("edit-form");
  const fresh = byId("edit-data");
  fresh.addEventListener("input", () => checkJSON(fresh, jsonProblem));
  onSubmit(change, async ({ channel, message, data, version }, action) => {
    const remove = action === "delete";
    if (!remove && !checkJSON(fresh, jsonProblem)) {
      fresh.focus();
      return;
    }
    const members = { event: remove ? "hotsock.messageDelete" : "hotsock.messageUpdate", channel };
    const body = remove ? JSON.stringify({ messageId: message }) : withTexts({ messageId: message, ifVersion: version ? Number(version) : undefined }, { data: data.trim() || "null" });
    const ack = await attempt(change, () => connection.command(members, body), explain, { action: remove ? "delete" : "update", channel });
    if (ack) show(change, true, remove ? "Deleted." : `Updated to version ${ack.data.version}.`);
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

/** Fills in the form for a reaction. */
export function reactTo(channel, id) {
  byId("react-channel").value = channel;
  byId("react-message").value = id;
  byId("react-reaction").select();
}

/** Fills in the form for an edit of a message as the app sees it. */
export function edit(channel, { id, data, version }) {
  byId("edit-channel").value = channel;
  byId("edit-message").value = id;
  byId("edit-version").value = version ?? 1;
  byId("edit-data").value = JSON.stringify(data, null, 2);
  byId("edit-data").focus();
}
