/** The browser's globals that pure modules read while they load or keep drafts. */

class MemoryStorage {
  readonly #items = new Map<string, string>();

  getItem = (key: string) => this.#items.get(key) ?? null;

  setItem(key: string, value: string): void {
    this.#items.set(key, value);
    Object.defineProperty(this, key, { value, enumerable: true, configurable: true });
  }

  removeItem(key: string): void {
    this.#items.delete(key);
    Reflect.deleteProperty(this, key);
  }
}

const define = (name: string, value: unknown) =>
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

define("location", new URL("https://models.example.com/explore/data/prod?tab=activity"));
define("sessionStorage", new MemoryStorage());
define("localStorage", new MemoryStorage());
