/** A token or key, fetched at most once until it is asked for with `fresh`: then what is remembered is forgotten. */
export type Secret = (options?: { fresh?: boolean }) => Promise<string>;
