import type * as z from 'zod';
import { pacedSendgrid } from '../limits/sendgrid-paced';
import { type Job, messageType, type QueueContract, type RunContext } from '../worker/contract';
import { checkApp } from './allowed';
import type { TestflightDeps } from './deps';
import { invite } from './invite';
import {
  type Invite,
  inviteSchema,
  type NotifyBuild,
  notifyBuildSchema,
  type Remove,
  removeSchema,
  TESTFLIGHT_INVITE,
  TESTFLIGHT_NOTIFY_BUILD,
  TESTFLIGHT_QUEUE,
  TESTFLIGHT_REMOVE,
} from './message';
import { notifyBuild } from './notify-build';
import { remove } from './remove';

/** Invites and removes testers and notifies them of builds. Rows store the step names, so they never change. */
export function testflightContract(given: TestflightDeps): QueueContract {
  const deps = { ...given, sendgrid: pacedSendgrid(given.sendgrid, given) };
  /** A type whose jobs run only if the instance may change their app and groups. */
  const allowed = <T extends { app: string; groups?: readonly string[] }>(
    schema: z.ZodType<T>,
    process: (deps: TestflightDeps, job: Job<T>, context: RunContext) => Promise<unknown>,
  ) =>
    messageType({
      schema,
      process: async (job: Job<T>, context) => {
        checkApp(deps.config.apps, job.data);
        return process(deps, job, context);
      },
    });
  return {
    queue: TESTFLIGHT_QUEUE,
    types: {
      [TESTFLIGHT_INVITE]: allowed<Invite>(inviteSchema, invite),
      [TESTFLIGHT_REMOVE]: allowed<Remove>(removeSchema, remove),
      [TESTFLIGHT_NOTIFY_BUILD]: allowed<NotifyBuild>(notifyBuildSchema, notifyBuild),
    },
  };
}
