import { render } from "./markdown.js";

/** The element of a question. */
export function question(text, who) {
  const li = element("li", "question");
  li.append(element("h2", "who", who), element("p", "text", text));
  return li;
}

/** An answer, complete or still being written. */
export class Answer {
  element = element("li", "answer");
  #body = element("div", "markdown");
  #end = element("p", "end");
  #stop = element("button", "stop", "Stop");
  #text = "";

  /** @param {() => void} stop called when the user wants no more of it */
  constructor(stop) {
    this.element.append(element("h2", "who", "Assistant"), this.#body, this.#end, this.#stop);
    this.element.dataset.state = "open";
    this.element.ariaBusy = "true";
    this.#stop.type = "button";
    this.#stop.ariaLabel = "Stop this answer";
    this.#stop.addEventListener("click", stop);
  }

  add(piece) {
    this.#text += piece;
    render(this.#body, this.#text);
  }

  /** @param {{state: string, reason?: string}} stream */
  end({ state, reason }) {
    this.element.dataset.state = state;
    this.element.ariaBusy = "false";
    this.#stop.remove();
    if (reason === "stopped") this.#end.textContent = "Stopped.";
    else if (state !== "complete") this.#end.textContent = `Interrupted${reason ? `: ${reason}` : ""}. Ask again.`;
  }

  /** Shows an answer that has ended. */
  show(text, stream) {
    this.add(text);
    this.end(stream);
  }
}

function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}
