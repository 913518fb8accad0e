// What an app can listen to.

export let emit, isHeard;

// A listener's mistake harms neither other listeners nor the connection.
function tell(own, args) {
  own.told = true;
  try {
    own.listener(...args);
  } catch (error) {
    reportError(error);
  }
}

export class Emitter {
  #types;
  #present; // gives the arguments of the calls that tell a late listener how things are
  #changed; // is called when the listeners are other ones
  #listeners = new Map();

  constructor(types, present, changed) {
    this.#types = types;
    this.#present = present;
    this.#changed = changed;
  }

  static {
    emit = (target, type, ...args) => {
      for (const own of [...(target.#listeners.get(type) ?? [])]) tell(own, args);
    };
    isHeard = (target) => [...target.#listeners.values()].some(({ size }) => size > 0);
  }

  on(type, listener) {
    if (!this.#types.test(type)) throw new TypeError(`There is no event "${type}" to listen to.`);
    if (typeof listener !== "function") throw new TypeError(`What listens to "${type}" is no function.`);
    const own = { listener, told: false }; // given twice, called twice
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(own));
    this.#changed?.();
    // By then the page has what is returned here.
    queueMicrotask(() => {
      if (!own.told && listeners.has(own)) for (const args of this.#present(type)) tell(own, args);
    });
    return () => {
      listeners.delete(own);
      this.#changed?.();
    };
  }
}
