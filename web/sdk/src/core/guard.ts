// What keeps a host's faults from becoming ours, and ours from becoming the host's. A page may lack a global, patch a
// prototype, or pass an object whose getters throw: that costs the value concerned, and nothing else.

/** What `action` returns, or undefined when it throws. */
export const attempt = <T>(action: () => T): T | undefined => {
  try {
    return action();
  } catch {
    return undefined;
  }
};

/** The same function, but it returns undefined where `action` would throw. */
export const guarded =
  <A extends unknown[], R>(action: (...given: A) => R) =>
  (...given: A): R | undefined =>
    attempt(() => action(...given));

/**
 * JSON of the value, as `JSON.stringify` has it, but without calling any `toJSON`: pages add those to prototypes. In
 * place of `toJSON`, `valueOf` makes a Date its milliseconds and a boxed primitive what is in it. Undefined where JSON
 * has no form. Throws on a bigint or a cycle.
 */
export function toJson(given: object): string;
export function toJson(given: unknown): string | undefined;
export function toJson(given: unknown): string | undefined {
  const value: unknown = given?.valueOf ? given.valueOf() : given;
  // Array.from, since `map` leaves holes.
  if (Array.isArray(value)) return `[${Array.from(value, each => toJson(each) ?? 'null')}]`;
  if (typeof value !== 'object' || !value) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, each]) => [JSON.stringify(name), toJson(each)]);
  return `{${fields.filter(([, json]) => json).map(field => field.join(':'))}}`;
}
