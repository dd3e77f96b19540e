/** Answers a token or key, and remembers it. `fresh` fetches it again. */
export type Secret = (options?: { fresh?: boolean }) => Promise<string>;
