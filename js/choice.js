// Which kind of socket a client connects with.

const keptFor = 3; // attempts that have to fail where a WebSocket did get through
const firstTrial = 60_000; // ms; the longest wait before a WebSocket is tried where none got through
const longestTrial = 3_600_000; // ms

// A server that is away is so for all kinds of sockets: each attempt is of one kind only,
// and perhaps the next one is of another.
export class Choice {
  #kinds; // the best first
  #used = 0; // which of them is
  #bound = 1; // how often in a row the first one has to fail before the next one is used
  #refusals = 0; // how often it has
  #trials = 0; // of the first one, beside a connection of another kind
  #trialAt = 0; // when it is used again, by performance.now()

  constructor(kinds) {
    this.#kinds = kinds;
  }

  get isFirst() {
    return this.#used === 0;
  }

  get untilTrial() {
    return this.#trialAt - performance.now();
  }

  // Gives the kind of the next attempt.
  next() {
    if (this.untilTrial <= 0) this.#used = 0;
    return this.#kinds[this.#used];
  }

  // A socket of the kind that is used got through.
  worked() {
    if (this.isFirst) [this.#bound, this.#refusals, this.#trials] = [keptFor, 0, 0];
  }

  // One did not, or carried nothing, which has cost enough time.
  refused(atOnce) {
    if (this.isFirst && ++this.#refusals < this.#bound && !atOnce) return;
    this.#refusals = 0; // If no other kind gets through either, this says nothing of the first.
    this.#used = (this.#used + 1) % this.#kinds.length;
    this.postpone();
  }

  postpone() {
    const wait = Math.min(longestTrial, firstTrial * 4 ** this.#trials);
    this.#trialAt = performance.now() + (wait * (1 + Math.random())) / 2;
  }

  // Gives the first kind, to be tried beside the one that is used.
  first() {
    this.#trials++; // It may cost a token, whatever comes of it.
    return this.#kinds[0];
  }

  useFirst() {
    this.#used = 0;
  }

  // What is known of the network is no longer true.
  forget() {
    this.#trialAt = this.#trials = 0;
  }
}
