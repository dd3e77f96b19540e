/**
 * How every AWS client of this service is set up. The SDK has no time-out of its own, and `requestTimeout` alone only
 * prints a warning: without `throwOnRequestTimeout` a silent endpoint would hold a function until Lambda kills it.
 * Two tries of three seconds stay well below the shortest visibility and the deadline guard of every function.
 */
export const clientDefaults = {
  maxAttempts: 2,
  requestHandler: {
    connectionTimeout: 1_000,
    requestTimeout: 3_000,
    throwOnRequestTimeout: true,
    /** The body of an answer has no time-out but this one: how long its socket may be idle. */
    socketTimeout: 3_000,
  },
} as const;
