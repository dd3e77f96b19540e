import type { z } from 'zod';
import { type CampaignControl, campaignControl } from '../emails/control';
import {
  type CampaignInput,
  EMAIL_MESSAGE,
  EMAILS_QUEUE,
  type EmailMessageInput,
  emailMessageSchema,
} from '../emails/message';
import {
  FEEDBACK_QUEUE,
  FEEDBACK_SUBMITTED,
  type FeedbackInput,
  feedbackGroup,
  feedbackSchema,
} from '../feedback/message';
import { createLedger } from '../jobs/ledger';
import type { Table } from '../ports';
import {
  type InviteInput,
  inviteSchema,
  type NotifyBuild,
  notifyBuildSchema,
  type RemoveInput,
  removeSchema,
  TESTFLIGHT_INVITE,
  TESTFLIGHT_NOTIFY_BUILD,
  TESTFLIGHT_QUEUE,
  TESTFLIGHT_REMOVE,
  testflightGroup,
} from '../testflight/message';
import { type AcceptedCampaign, type RecipientSource, submitCampaign } from './campaign';
import { jobId } from './job-id';
import { type Accepted, type SubmitDeps, submit } from './submit';
import { type SubmitOptions, submitOptions, valid } from './valid';

export interface ProducerDeps extends Omit<SubmitDeps, 'ledger'> {
  table: Table;
  /** The limit of recipients per second for all e-mails together, 100 by default. */
  emailRate?: number;
  /** Reads an object of the bucket as a stream, for long lists of recipients. */
  readObject?: (key: string) => AsyncIterable<Uint8Array>;
}

/**
 * The typed client that an API imports, with one function per kind of job. Every function rejects with an InvalidJobError
 * (400), an IdempotencyConflictError (409) or a StoreError (503, try again with the same key).
 */
export interface Producer {
  feedback(data: FeedbackInput, options?: SubmitOptions): Promise<Accepted>;
  /** Sends one mail to one person. */
  email(data: EmailMessageInput, options?: SubmitOptions): Promise<Accepted>;
  /** Sends one mail to many people. The answer's `id` is the campaign's. */
  campaign(campaign: CampaignInput, recipients: RecipientSource, options?: SubmitOptions): Promise<AcceptedCampaign>;
  /** Pauses, resumes, cancels and reports campaigns. */
  campaigns: CampaignControl;
  /** Makes a person a tester of an app and invites them. */
  invite(data: InviteInput, options?: SubmitOptions): Promise<Accepted>;
  /** Removes a tester from groups or from the app. */
  removeTester(data: RemoveInput, options?: SubmitOptions): Promise<Accepted>;
  /** Makes Apple notify the testers of a build. */
  notifyBuild(data: NotifyBuild, options?: SubmitOptions): Promise<Accepted>;
}

const DEFAULT_EMAIL_RATE = 100;

/** Makes a producer from its ports. */
export function createProducer(deps: ProducerDeps): Producer {
  const submitDeps = { ...deps, ledger: createLedger(deps), emailRate: deps.emailRate ?? DEFAULT_EMAIL_RATE };
  const testflight =
    <D extends { app: string }>(type: string, schema: z.ZodType<D>) =>
    async (input: unknown, options: SubmitOptions = {}) => {
      const data = valid(schema, input);
      const submission = { ...valid(submitOptions, options), queue: TESTFLIGHT_QUEUE, type };
      return submit(submitDeps, { ...submission, data, group: testflightGroup(data) });
    };
  return {
    feedback: async (input, options = {}) => {
      const data = valid(feedbackSchema, input);
      return submit(submitDeps, {
        ...valid(submitOptions, options),
        queue: FEEDBACK_QUEUE,
        type: FEEDBACK_SUBMITTED,
        data,
        group: feedbackGroup(data),
      });
    },
    email: async (input, options = {}) => {
      const data = valid(emailMessageSchema, input);
      const submission = { ...valid(submitOptions, options), queue: EMAILS_QUEUE };
      // Each mail has its own group, so no mail waits for another.
      const id = jobId({ ...submission, ...deps });
      return submit(submitDeps, { ...submission, id, type: EMAIL_MESSAGE, data, group: id });
    },
    campaigns: campaignControl(submitDeps),
    campaign: (input, source, options = {}) => submitCampaign(submitDeps, { input, source, options }),
    invite: testflight(TESTFLIGHT_INVITE, inviteSchema),
    removeTester: testflight(TESTFLIGHT_REMOVE, removeSchema),
    notifyBuild: testflight(TESTFLIGHT_NOTIFY_BUILD, notifyBuildSchema),
  };
}
