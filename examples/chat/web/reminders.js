import { byId, el } from "./dom.js";
import { setUpForm } from "./forms.js";
import { toast } from "./toast.js";

const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
const date = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" });

/**
 * The dialog that schedules a reminder, and lists those that are pending.
 * @param {() => Room} room the room on the page
 * @param {Inbox} inbox
 */
export function setUpReminders(room, inbox) {
  const { form, open } = setUpForm("reminder", async (fields) => {
    const seconds = Number(fields.get("amount")) * Number(fields.get("unit"));
    const due = fields.get("unit") === "at" ? new Date(fields.get("at")) : new Date(Date.now() + seconds * 1000);
    // A time that was chosen is sent as the browser has it, with the zone whose clocks show it.
    const when = fields.get("unit") === "at" ? { at: fields.get("at"), timeZone } : { at: due };
    const where = fields.get("whom") === "me" ? inbox : room();
    const { scheduleArn } = await where.remind(fields.get("text").trim(), when);
    form.elements.text.value = "";
    toast(`Reminder set for ${date.format(due)}`, { label: "Undo", until: due, run: () => cancel(scheduleArn) });
  });
  const { unit, amount, at } = form.elements;
  const arrange = () => {
    const chosen = unit.value === "at";
    for (const [field, shown] of [[amount, !chosen], [at, chosen]]) {
      field.labels[0].hidden = field.disabled = !shown;
      field.required = shown;
    }
  };
  unit.addEventListener("change", arrange);
  arrange();
  byId("reminder-zone").textContent = `Times are those of your clock: ${timeZone}.`;

  const list = byId("pending");
  let opened = 0; // how often: a list of a room that was left is not shown

  async function cancel(scheduleArn) {
    try {
      await inbox.cancel(scheduleArn);
      toast("The reminder is cancelled.");
    } catch (error) {
      toast(`Not cancelled: ${error.message}`);
    }
  }

  async function listPending() {
    const turn = ++opened;
    const where = room();
    const pending = [];
    let problem = "";
    try {
      for (const [channel, whom] of [[where, `everyone in ${where.name}`], [inbox, "only you"]]) {
        for await (const { scheduleArn, due, data } of channel.reminders()) {
          pending.push({ scheduleArn, due: new Date(due), text: String(data?.text), whom });
        }
      }
    } catch (error) {
      problem = `Your reminders cannot be listed: ${error.message}`;
    }
    if (turn !== opened) return;
    pending.sort((a, b) => a.due - b.due);
    list.replaceChildren(...pending.map(item));
    byId("pending-note").textContent = problem || (pending.length ? "" : "You have set none that are still to come.");
  }

  function item({ scheduleArn, due, text, whom }) {
    const button = el("button", { type: "button", className: "plain", textContent: "Cancel", ariaLabel: `Cancel the reminder ${text}` });
    button.addEventListener("click", async () => {
      button.disabled = true;
      await cancel(scheduleArn);
      await listPending();
      (list.querySelector("button") ?? form.elements.text).focus();
    });
    const when = el("time", { dateTime: due.toISOString(), textContent: date.format(due) });
    return el("li", {},
      el("div", {}, el("strong", { textContent: text, dir: "auto" }), el("small", {}, when, ` · ${whom}`)),
      button);
  }

  byId("open-reminder").addEventListener("click", () => {
    open();
    listPending();
  });
}
