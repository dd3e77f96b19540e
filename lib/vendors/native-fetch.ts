/**
 * Stands in for `cross-fetch`, by an alias in the bundles and in the tests: node-zendesk requires it, never calls it
 * (our transport does), and it would bring node-fetch, 300 KB and a deprecation warning in the functions' logs.
 */
export const fetch = globalThis.fetch;
