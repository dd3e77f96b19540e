/**
 * Replaces `cross-fetch` by an alias in the bundles and in the tests. node-zendesk requires that package but never
 * calls it, because our transport does. It would add node-fetch, 300 KB and a deprecation warning in the functions'
 * logs.
 */
export const fetch = globalThis.fetch;
