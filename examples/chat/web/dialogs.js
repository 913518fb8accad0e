import { byId, el } from "./dom.js";
import { colours } from "./room.js";
import { toast } from "./toast.js";

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit" });

/**
 * The dialog that schedules a reminder.
 * @param {() => Room} room the room on the page
 * @param {Inbox} inbox
 */
export function setUpReminder(room, inbox) {
  const { form, open } = setUp("reminder", async (fields) => {
    const seconds = Number(fields.get("amount")) * Number(fields.get("unit"));
    const due = new Date(Date.now() + seconds * 1000);
    const where = fields.get("whom") === "me" ? inbox : room();
    const { scheduleArn } = await where.remind(fields.get("text").trim(), due);
    form.elements.text.value = "";
    toast(`Reminder set for ${clock.format(due)}`, {
      label: "Undo",
      until: due,
      run: () => inbox.cancel(scheduleArn).then(
        () => toast("The reminder is cancelled."),
        (error) => toast(`Not cancelled: ${error.message}`),
      ),
    });
  });
  byId("open-reminder").addEventListener("click", open);
}

/** The dialog that changes what everyone sees of the room. */
export function setUpSettings(room) {
  const { form, open } = setUp("settings", async (fields) => {
    const topic = fields.get("topic").trim();
    const colour = fields.get("colour");
    const changes = [];
    if (topic !== room().topic) changes.push(room().set("topic", topic));
    if (colour !== room().colour) changes.push(room().set("colour", colour));
    await Promise.all(changes);
  });
  for (const [name, hue] of colours) {
    const swatch = el("span", { className: "swatch" });
    swatch.style.setProperty("--hue", hue);
    byId("swatches").append(el("label", { title: name },
      el("input", { type: "radio", name: "colour", value: name, ariaLabel: name }), swatch));
  }
  const show = () => {
    form.elements.topic.value = room().topic;
    form.elements.colour.value = room().colour;
    open();
  };
  byId("open-settings").addEventListener("click", show);
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
