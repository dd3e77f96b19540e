/**
 * Replaces `@smithy/core/event-streams` by an alias in the bundles. The AWS SDK loads that module by `import()`, so esbuild
 * keeps the whole of what it imports. Only calls such as `SelectObjectContent` use it, and we make none of them.
 */
export class EventStreamSerde {
  constructor() {
    throw new Error('The bundles of functions have no event streams. See the aliases in serverless.yml.');
  }
}

/** An S3 client calls this at its start. */
export const resolveEventStreamSerdeConfig = <T>(config: T): T => config;

/** An S3 client names this as its default, and the function above ignores it. */
export const eventStreamSerdeProvider = (): void => {};
