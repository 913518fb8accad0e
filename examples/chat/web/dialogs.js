import { byId, el } from "./dom.js";
import { setUpForm } from "./forms.js";
import { moved } from "./merge.js";
import { colours } from "./room.js";

/** The dialog that changes what everyone sees of the room. */
export function setUpSettings(room) {
  const { form, open } = setUpForm("settings", async (fields) => {
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
  const { form, open } = setUpForm("notes", async () => {});
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
