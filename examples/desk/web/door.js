// The page of those who are not signed in.

import { button, byId } from "./dom.js";
import { post } from "./session.js";

const demo = [
  ["mia", "Mia, a customer"],
  ["noah", "Noah, a customer"],
  ["ada", "Ada, an agent"],
  ["lea", "Lea, the lead"],
];

export function showDoor() {
  const form = byId("sign-in");
  const enter = async () => {
    const problem = await post("login", { email: form.email.value, password: form.password.value });
    if (problem) byId("sign-in-problem").textContent = problem.message;
    else location.reload();
  };
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    enter();
  });
  for (const [uid, label] of demo) {
    byId("demo").append(button(label, () => {
      form.email.value = `${uid}@example.com`;
      form.password.value = "demo";
      enter();
    }, { className: "chip" }));
  }
  byId("door").hidden = false;
  form.email.focus();
}
