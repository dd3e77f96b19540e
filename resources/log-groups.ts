import type { Context } from './context';
import { logGroupId } from './logical-id';
import { type Fragment, retention } from './template';

/** Serverless makes the log groups. In production they outlive the stack, as queues and table do. */
export const logGroupResources = (functions: readonly string[], context: Context): Fragment => ({
  Resources: {},
  Outputs: {},
  extensions: context.retain ? Object.fromEntries(functions.map((key) => [logGroupId(key), retention(context)])) : {},
});
