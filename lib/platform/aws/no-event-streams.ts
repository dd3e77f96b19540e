/** Replaces `@smithy/core/event-streams` in the bundles, which esbuild would keep whole. No call of ours uses it. */
export class EventStreamSerde {
  constructor() {
    throw new Error('The bundles of functions have no event streams. See the aliases in serverless.yml.');
  }
}

/** An S3 client calls this at its start. */
export const resolveEventStreamSerdeConfig = <T>(config: T): T => config;

/** An S3 client names this as its default, and the function above ignores it. */
export const eventStreamSerdeProvider = (): void => {};
