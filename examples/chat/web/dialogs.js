import { byId, el } from "./dom.js";
import { moved } from "./merge.js";
import { colours } from "./room.js";
import { toast } from "./toast.js";

const day = 24 * 3600_000; // ms
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit" });

/**
 * The dialog that schedules a reminder.
 * @param {() => Room} room the room on the page
 * @param {Inbox} inbox
 */
export function setUpReminder(room, inbox) {
  const { form, open } = setUp("reminder", async (fields) => {
    const seconds = Number(fields.get("amount")) * Number(fields.get("unit"));
    const due = fields.get("unit") === "at" ? new Date(fields.get("at")) : new Date(Date.now() + seconds * 1000);
    // A time that was chosen is sent as the browser has it, with the zone whose clocks show it.
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    const when = fields.get("unit") === "at" ? { at: fields.get("at"), timeZone } : { at: due };
    const where = fields.get("whom") === "me" ? inbox : room();
    const { scheduleArn } = await where.remind(fields.get("text").trim(), when);
    form.elements.text.value = "";
    toast(`Reminder set for ${(due - Date.now() < day ? clock : date).format(due)}`, {
      label: "Undo",
      until: due,
      run: () => inbox.cancel(scheduleArn).then(
        () => toast("The reminder is cancelled."),
        (error) => toast(`Not cancelled: ${error.message}`),
      ),
    });
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
  byId("open-reminder").addEventListener("click", open);
}

/** The dialog that changes what everyone sees of the room. */
export function setUpSettings(room) {
  const { form, open } = setUp("settings", async (fields) => {
    const changes = {};
    for (const [key, value] of [["topic", fields.get("topic").trim()], ["colour", fields.get("colour")]]) {
      if (value !== shown[key]) changes[key] = value;
    }
    // What others have changed since the dialog was opened stays as they want it.
    if (Object.keys(changes).length) await room().set(changes);
  });
  let shown = {};
  for (const [name, hue] of colours) {
    const swatch = el("span", { className: "swatch" });
    swatch.style.setProperty("--hue", hue);
    byId("swatches").append(el("label", { title: name },
      el("input", { type: "radio", name: "colour", value: name, ariaLabel: name }), swatch));
  }
  const show = () => {
    const { topic, colour } = room();
    shown = { topic, colour };
    form.elements.topic.value = topic;
    form.elements.colour.value = colour;
    open();
  };
  byId("open-settings").addEventListener("click", show);
}

/** The dialog with the notes of the room, which everyone writes at once. */
export function setUpNotes(room) {
  const { form, open } = setUp("notes", async () => {});
  const field = form.elements.text;
  const state = byId("notes-state");
  let notes = null; // of the room on the page

  field.addEventListener("input", () => notes.write(field.value));
  const draw = () => {
    if (field.value !== notes.text) {
      const caret = moved(field.value, notes.text, field.selectionEnd);
      field.value = notes.text;
      field.setSelectionRange(caret, caret);
    }
    if (state.textContent !== notes.state) state.textContent = notes.state;
  };
  byId("open-notes").addEventListener("click", () => {
    notes = room().notes;
    draw();
    notes.addEventListener("change", draw);
    open();
  });
  byId("notes").addEventListener("close", () => notes.removeEventListener("change", draw));
}

// Wires a dialog with its form: submit runs, and closes the dialog unless it
// throws; then the reason is shown.
function setUp(id, submit) {
  const dialog = byId(id);
  const form = dialog.querySelector("form");
  const problem = form.querySelector(".problem");
  const button = form.querySelector(".primary");
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    problem.textContent = "";
    button.disabled = true;
    try {
      await submit(new FormData(form));
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  });
  for (const closer of form.querySelectorAll("[data-close]")) closer.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (e) => {
    if (e.target === dialog) dialog.close(); // beside the form: on the backdrop
  });
  const open = () => {
    problem.textContent = "";
    dialog.showModal();
  };
  return { form, open };
}
