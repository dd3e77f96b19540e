/**
 * An alias replaces `cross-fetch` by this. node-zendesk requires that package but never calls it, because of our
 * transport. It would add 300 KB and a deprecation warning in the functions' logs.
 */
export const fetch = globalThis.fetch;
