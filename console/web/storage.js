// A channel's storage, as the client may use it.

import { button, byId, copyButton, el, onSubmit } from "./dom.js";
import { highlight, jsonProblem, preview, visible } from "./json.js";
import { attempt, checkJSON, show } from "./outcome.js";
import { offerZones, schedule, scheduledFor } from "./times.js";

export function setUpStorage({ connection, explain }) {
  const form = byId("storage-form");
  const data = byId("storage-data");
  const version = byId("storage-version");
  data.addEventListener("input", () => checkJSON(data, jsonProblem));
  offerZones(byId("storage-zone"));

  async function get({ channel, key }) {
    const answer = await attempt(form, () => connection.command({ event: "hotsock.channelStorageGet", channel, key, version: true }), explain, {
      action: "storageGet",
      channel,
      key,
    });
    if (!answer) return;
    data.value = JSON.stringify(answer.data, null, 2);
    version.value = answer.version ?? "none";
    checkJSON(data, jsonProblem);
    show(form, true, answer.meta ? `Written by ${answer.meta.uid ?? "the server"}.` : "There is no such entry.");
  }

  /** Writes, and shows the version that the entry has then. */
  async function write(members, question, done) {
    const ack = await attempt(
      form,
      async () => {
        try {
          return await connection.command(members, data.value.trim());
        } catch (error) {
          if (error.code === "CONFLICT") error.message += `. It is ${preview(JSON.stringify(error.current?.data))}, of version ${error.current?.version ?? "none"}`;
          throw error;
        }
      },
      explain,
      question,
    );
    if (!ack) return;
    if (ack.data?.version !== undefined) version.value = ack.data.version ?? "none";
    show(form, true, done(ack));
  }

  async function add({ channel, key }) {
    if (!checkJSON(data, jsonProblem)) {
      data.focus();
      return;
    }
    await write({ event: "hotsock.channelStorageAdd", channel, key }, { action: "storageSet", channel, key }, (ack) => `It is ${JSON.stringify(ack.data.data)} now.`);
  }

  async function set({ channel, key, at, zone, version: wanted }) {
    if (!data.value.trim()) data.value = "null";
    if (!checkJSON(data, jsonProblem)) {
      data.focus();
      return;
    }
    const members = { event: "hotsock.channelStorageSet", channel, key, ...schedule({ at, zone }) };
    if (wanted) members.ifVersion = wanted === "none" ? null : wanted;
    const question = { action: at ? "schedule" : "storageSet", channel, key, at, zone };
    await write(members, question, (ack) => (ack.data?.scheduleArn ? scheduledFor({ at, zone }) : "Set."));
  }

  async function list({ channel }, after) {
    const page = await attempt(form, () => connection.call("channelStorageList", after ? { channel, after } : { channel }));
    if (!page) return;
    const items = page.items.map((item) => entryItem(item, () => take(channel, item)));
    if (after) byId("entries").lastElementChild.remove(); // the button for more
    else byId("entries").replaceChildren();
    byId("entries").append(...items);
    if (page.more || items.length === 100) {
      const more = button("More", () => list({ channel }, page.items.at(-1).key));
      byId("entries").append(el("li", {}, more));
    }
    show(form, true, items.length || after ? "" : "There are no entries that the client may read.");
  }

  function take(channel, item) {
    byId("storage-channel").value = channel;
    byId("storage-key").value = item.key;
    data.value = JSON.stringify(item.data, null, 2);
    version.value = ""; // not known
    checkJSON(data, jsonProblem);
    data.focus();
  }

  onSubmit(form, async (fields, action) => {
    const key = byId("storage-key");
    const missing = action !== "list" && !fields.key;
    key.setCustomValidity(missing ? "Which entry?" : "");
    if (!key.reportValidity()) return;
    if (action === "set") await set(fields);
    else if (action === "add") await add(fields);
    else if (action === "list") await list(fields);
    else await get(fields);
  });
  byId("storage-key").addEventListener("input", (event) => {
    event.target.setCustomValidity("");
    version.value = ""; // that was another entry's
  });
}

/** A list item with an entry. */
export function entryItem({ key, data, meta, version }, edit) {
  const head = el("div", { className: "row spread" }, el("code", { textContent: visible(key) }));
  if (meta) head.append(el("span", { className: "kind", textContent: "by " + visible(String(meta.uid ?? "the server")) }));
  const tools = el("span", { className: "row" }, copyButton(JSON.stringify(data), `Copy the value of ${key}`));
  if (edit) tools.append(button("Edit", edit, `Edit ${key}`));
  head.append(tools);
  const item = el("li", {}, head, highlight(JSON.stringify(data)));
  if (version) item.append(el("div", { className: "kind", textContent: "version " + version }));
  return item;
}
