import type * as z from 'zod';
import { accepted, type CheckedOptions } from '../engine/submit/options';
import type { Submission, SubmitDeps } from '../engine/submit/submit';
import {
  type CampaignResult,
  EMAIL_CAMPAIGN,
  EMAIL_MESSAGE,
  type EmailMessageInput,
  type EmailResult,
  emailMessageSchema,
} from './emails/message';
import { EMAILS_QUEUE } from './emails/queue';
import {
  FEEDBACK_SUBMITTED,
  type FeedbackInput,
  type FeedbackResult,
  feedbackPerson,
  feedbackSchema,
} from './feedback/message';
import { FEEDBACK_QUEUE } from './feedback/queue';
import {
  type InviteInput,
  type InviteResult,
  inviteSchema,
  type NotifyBuild,
  type NotifyBuildResult,
  notifyBuildSchema,
  type RemoveInput,
  type RemoveResult,
  removeSchema,
  TESTFLIGHT_INVITE,
  TESTFLIGHT_NOTIFY_BUILD,
  TESTFLIGHT_REMOVE,
  testflightGroup,
} from './testflight/message';
import { TESTFLIGHT_QUEUE } from './testflight/queue';
import { checkFiles } from './uploads';

export interface Inputs {
  /** Makes a ticket of what a user says, and confirms it by mail. */
  feedback: FeedbackInput;
  /** Sends one mail to one person. */
  email: EmailMessageInput;
  /** Makes a person a tester of an app and invites them. */
  invite: InviteInput;
  /** Removes a tester from groups or from the app. */
  removeTester: RemoveInput;
  /** Makes Apple notify the testers of a build. */
  notifyBuild: NotifyBuild;
}

export type Kind = keyof Inputs;

/** The worker's result of each kind of job. */
export interface Results {
  feedback: FeedbackResult;
  email: EmailResult;
  campaign: CampaignResult;
  invite: InviteResult;
  removeTester: RemoveResult;
  notifyBuild: NotifyBuildResult;
}

export const KIND_OF: Record<string, keyof Results | undefined> = {
  [FEEDBACK_SUBMITTED]: 'feedback',
  [EMAIL_MESSAGE]: 'email',
  [EMAIL_CAMPAIGN]: 'campaign',
  [TESTFLIGHT_INVITE]: 'invite',
  [TESTFLIGHT_REMOVE]: 'removeTester',
  [TESTFLIGHT_NOTIFY_BUILD]: 'notifyBuild',
};

/** Rejects with an InvalidJobError that names all problems, or with a StoreError if the hash key cannot be read. */
type Make = (
  input: unknown,
  options: CheckedOptions,
  deps: Pick<SubmitDeps, 'objects' | 'prefix' | 'hashPeople' | 'ownFiles'>,
) => Promise<Submission>;

/** The data of a job, and its options with the warnings about both. */
function take<T>(type: string, schema: z.ZodType<T>, input: unknown, { warnings = [], ...options }: CheckedOptions) {
  const { data, warnings: more } = accepted(type, schema, input);
  return { ...options, type, data, warnings: [...warnings, ...more] };
}

const testflight =
  <D extends { app: string; email?: string }>(type: string, schema: z.ZodType<D>): Make =>
  async (input, options) => {
    const taken = take(type, schema, input, options);
    const { data } = taken;
    return { ...taken, queue: TESTFLIGHT_QUEUE, group: testflightGroup(data), person: data.email };
  };

/** The jobs that are one message. A campaign is more than that (campaign.ts). */
export const kinds: Record<Kind, Make> = {
  feedback: async (input, options, { hashPeople, ...deps }) => {
    const taken = take(FEEDBACK_SUBMITTED, feedbackSchema, input, options);
    const { data } = taken;
    const keys = (data.attachments ?? []).map(({ key }, place) => ({ field: `attachments.${place}.key`, key }));
    const files = await checkFiles(deps, keys, { queue: FEEDBACK_QUEUE, principal: options.principal });
    const [group] = (await hashPeople())(feedbackPerson(data));
    return { ...taken, queue: FEEDBACK_QUEUE, group, person: data.user.email, files };
  },
  email: async (input, options) => {
    const taken = take(EMAIL_MESSAGE, emailMessageSchema, input, options);
    return { ...taken, queue: EMAILS_QUEUE, person: taken.data.to.email };
  },
  invite: testflight(TESTFLIGHT_INVITE, inviteSchema),
  removeTester: testflight(TESTFLIGHT_REMOVE, removeSchema),
  notifyBuild: testflight(TESTFLIGHT_NOTIFY_BUILD, notifyBuildSchema),
};
