/** Makes an element with these properties and children. Text stays text: nothing here parses HTML. */
export function el(tag, props, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

/** The element with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** A button that does something. */
export function button(text, action, label) {
  const node = el("button", { type: "button", className: "small", textContent: text });
  if (label) node.ariaLabel = label;
  node.addEventListener("click", action);
  return node;
}

const copiedFor = 1_500; // ms that a button says so

/** Lets a button copy what text returns, and say so. */
export function copies(node, text) {
  const [name, label] = [node.textContent, node.ariaLabel];
  let timer;
  node.classList.add("copy");
  node.addEventListener("click", async () => {
    let told = "Copied";
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      told = "No access"; // to the clipboard: the page is not secure, or the user does not want it
    }
    node.textContent = node.ariaLabel = told;
    clearTimeout(timer);
    timer = setTimeout(() => Object.assign(node, { textContent: name, ariaLabel: label }), copiedFor);
  });
  return node;
}

/** A button that copies a text. */
export function copyButton(text, label) {
  return copies(button("Copy", () => {}, label), () => text);
}

/** Sets a field as if it had been typed. */
export function fillIn(field, value) {
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Calls handle with the form's values and the button's value whenever it is submitted, one at a time. */
export function onSubmit(form, handle) {
  let busy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    try {
      await handle(Object.fromEntries(new FormData(form)), event.submitter?.value ?? "");
    } finally {
      busy = false;
    }
  });
}
