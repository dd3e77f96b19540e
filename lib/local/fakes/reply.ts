/** The answer of a fake vendor. */
export interface Reply {
  status: number;
  headers: Record<string, string>;
  json?: unknown;
}

export const reply = (status: number, json?: unknown, headers: Record<string, string> = {}): Reply => ({
  status,
  headers,
  ...(json !== undefined && { json }),
});

/** The value of a JSON text. `undefined`: it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
