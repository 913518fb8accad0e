import { byId, el, icon } from "./dom.js";
import { timeOf } from "./rt/client.js";

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });

/**
 * Our private channel, on which the reminders come that are only for us. Each
 * stays on the page until it is dismissed, and one that came while the page
 * was closed is shown when it is opened again.
 */
export class Inbox {
  #client;
  #channel;
  #shown = new Set(); // ids
  #seen;
  #onSeen;

  /**
   * @param {Client} client
   * @param {string} name of the channel
   * @param {() => Promise<string>} token
   * @param {string} seen id of the newest reminder that was dismissed
   * @param {(id: string) => void} onSeen is told when that changes
   */
  constructor(client, name, token, seen, onSeen) {
    this.#seen = seen;
    this.#onSeen = onSeen;
    this.#client = client;
    this.#channel = client.channel(name);
    this.#channel.on("message:reminder", (message) => this.#show(message));
    this.#channel.on("subscribed", ({ recovered }) => recovered || this.#list());
    this.#channel.subscribe({ token });
  }

  /** Schedules a reminder for ourselves; the answer tells how to cancel it. */
  remind(text, when) {
    return this.#channel.publish("reminder", { text }, when);
  }

  /** Our reminders that are still to come. */
  reminders() {
    return this.#channel.schedules();
  }

  /** Cancels one of our reminders, here or in a room. */
  cancel(scheduleArn) {
    return this.#client.cancelSchedule(scheduleArn);
  }

  async #list() {
    const after = this.#seen || undefined;
    try {
      for await (const message of this.#channel.history({ after })) this.#show(message);
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
