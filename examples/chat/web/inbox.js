import { byId, el, icon } from "./dom.js";
import { timeOf } from "./hotsock.js";

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });

/**
 * Our private channel, on which the reminders come that are only for us. Each
 * stays on the page until it is dismissed, and one that came while the page
 * was closed is shown when it is opened again.
 */
export class Inbox {
  #channel;
  #shown = new Set(); // ids
  #seen;
  #onSeen;

  /**
   * @param {Hotsock} hotsock
   * @param {string} name of the channel
   * @param {() => Promise<string>} token
   * @param {string} seen id of the newest reminder that was dismissed
   * @param {(id: string) => void} onSeen is told when that changes
   */
  constructor(hotsock, name, token, seen, onSeen) {
    this.#seen = seen;
    this.#onSeen = onSeen;
    this.#channel = hotsock.subscribe(name, token);
    this.#channel.addEventListener("frame", (e) => this.#show(e.detail));
    this.#channel.addEventListener("subscribed", (e) => e.detail.recovered || this.#list());
  }

  /** Schedules a reminder for ourselves; the answer tells how to cancel it. */
  remind(text, expression) {
    return this.#channel.call("publishMessage", {
      event: "reminder", data: { text }, scheduleExpression: expression,
    });
  }

  /** Cancels one of our reminders, here or in a room. */
  cancel(scheduleArn) {
    return this.#channel.call("cancelSchedule", { scheduleArn });
  }

  async #list() {
    const after = this.#seen || undefined;
    try {
      const { messages } = await this.#channel.call("listMessages", { after });
      messages.forEach((frame) => this.#show(frame));
    } catch {
      // They are still there after the next reconnect or reload.
    }
  }

  #show({ id, event, data }) {
    if (event !== "reminder" || typeof data?.text !== "string" || this.#shown.has(id)) return;
    this.#shown.add(id);
    const dismiss = el("button", { className: "icon", type: "button", ariaLabel: "Dismiss", title: "Dismiss" }, icon("close"));
    const card = el("div", { className: "card" },
      icon("bell"),
      el("div", {},
        el("strong", { textContent: data.text, dir: "auto" }),
        el("small", { textContent: `Your reminder · ${clock.format(timeOf(id))}` })),
      dismiss);
    dismiss.addEventListener("click", () => {
      card.remove();
      if (id <= this.#seen) return;
      this.#seen = id;
      this.#onSeen(id);
    });
    byId("inbox").append(card);
  }
}
