import type { Vendor } from '../errors';
import { type Job, messageType, type QueueContract } from '../worker/contract';
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
export function testflightContract(deps: TestflightDeps): QueueContract {
  return {
    queue: TESTFLIGHT_QUEUE,
    vendors: ['app-store-connect', 'sendgrid'] satisfies Vendor[],
    types: {
      [TESTFLIGHT_INVITE]: messageType({
        schema: inviteSchema,
        process: (job: Job<Invite>, context) => invite(deps, job, context),
      }),
      [TESTFLIGHT_REMOVE]: messageType({
        schema: removeSchema,
        process: (job: Job<Remove>, context) => remove(deps, job, context),
      }),
      [TESTFLIGHT_NOTIFY_BUILD]: messageType({
        schema: notifyBuildSchema,
        process: (job: Job<NotifyBuild>, context) => notifyBuild(deps, job, context),
      }),
    },
  };
}
