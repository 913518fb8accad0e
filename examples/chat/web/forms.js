import { byId } from "./dom.js";

/**
 * Wires a dialog with its form: submit runs, and closes the dialog unless it
 * throws; then the reason is shown.
 */
export function setUpForm(id, submit) {
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
