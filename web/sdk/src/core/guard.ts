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

/** JSON of plain values. Unlike `JSON.stringify` it never calls a `toJSON` that the page added to a prototype. */
export const toJson = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(each => toJson(each))}]`
    : value === Object(value)
      ? `{${Object.entries(value as object)
          .filter(([, each]) => each !== undefined)
          .map(([name, each]) => `${toJson(name)}:${toJson(each)}`)}}`
      : (JSON.stringify(value) ?? 'null');
