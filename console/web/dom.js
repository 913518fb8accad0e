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

/** The time of day with milliseconds, as a clock here shows it. */
export function clock(date) {
  const pad = (n, width = 2) => String(n).padStart(width, "0");
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}

/** A date and time, for people. */
export function moment(date) {
  return date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
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
