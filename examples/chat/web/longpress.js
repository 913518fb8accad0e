const after = 450; // ms
const slop = 10; // px that a finger may wander

/**
 * Calls act when a finger that has rested on an element is lifted. Not before: what act
 * opens would be closed by that. While the finger rests, the element has the class "held".
 */
export function onLongPress(element, act) {
  let timer = 0;
  let from = null;
  const end = () => {
    clearTimeout(timer);
    element.classList.remove("held");
  };
  element.addEventListener("pointerdown", (e) => {
    end();
    if (e.pointerType !== "touch" || !e.isPrimary) return;
    from = e;
    timer = setTimeout(() => element.classList.add("held"), after);
  });
  element.addEventListener("pointermove", (e) => {
    if (from && Math.hypot(e.clientX - from.clientX, e.clientY - from.clientY) > slop) end();
  });
  element.addEventListener("pointerup", () => {
    if (element.classList.contains("held")) setTimeout(act);
    end();
  });
  for (const type of ["pointercancel", "pointerleave"]) element.addEventListener(type, end);
  // The browser would offer to select and to copy.
  element.addEventListener("contextmenu", (e) => e.pointerType === "touch" && e.preventDefault());
}
