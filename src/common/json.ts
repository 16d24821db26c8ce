// JSON from elsewhere, of which nothing is known yet: read without an exception, and asked whether it is an object.
// Does not know what the object should hold; its reader checks each field that it uses.
// Invariant: a text that is not JSON is `undefined`, which no JSON text means.

export type Json = Readonly<Record<string, unknown>>;

/** Whether it is an object with fields: neither null nor an array. */
export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The caller says that the text makes no sense.
  }
}
