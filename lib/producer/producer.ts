import * as z from 'zod';
import type { CampaignInput, EmailMessageInput } from '../emails/message';
import { type CampaignControl, campaignControl } from '../emails/report';
import type { FeedbackInput } from '../feedback/message';
import { createLedger } from '../jobs/ledger';
import type { InviteInput, NotifyBuild, RemoveInput } from '../testflight/message';
import { type AcceptedCampaign, type RecipientSource, type SubmitCampaignDeps, submitCampaign } from './campaign';
import { type Kind, kinds } from './kinds';
import { type Accepted, submit } from './submit';
import { askedId, type SubmitOptions, submitOptions, valid } from './valid';

export interface ProducerDeps extends Omit<SubmitCampaignDeps, 'ledger' | 'emailRate'> {
  /** Recipients per second of all e-mails together, 100 by default. */
  emailRate?: number;
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

const campaignQuestion = z.object({ id: askedId });

export const createProducer = (deps: ProducerDeps): Producer => producerOf(async () => deps);

/** Makes a producer whose functions load their ports when they are called. */
export function producerOf(load: () => Promise<ProducerDeps>): Producer {
  const loaded = async () => {
    const deps = await load();
    return { ...deps, ledger: createLedger(deps), emailRate: deps.emailRate ?? DEFAULT_EMAIL_RATE };
  };
  const submitting =
    (kind: Kind) =>
    async (input: unknown, options: SubmitOptions = {}): Promise<Accepted> => {
      const deps = await loaded();
      return submit(deps, await kinds[kind](input, valid(submitOptions, options), deps));
    };
  const control = async () => campaignControl(await loaded());
  const checked = (id: string) => valid(campaignQuestion, { id }).id;
  return {
    feedback: submitting('feedback'),
    email: submitting('email'),
    campaign: async (input, source, options = {}) => submitCampaign(await loaded(), { input, source, options }),
    campaigns: {
      pause: async (id) => (await control()).pause(checked(id)),
      resume: async (id) => (await control()).resume(checked(id)),
      cancel: async (id) => (await control()).cancel(checked(id)),
      report: async (id) => (await control()).report(checked(id)),
    },
    invite: submitting('invite'),
    removeTester: submitting('removeTester'),
    notifyBuild: submitting('notifyBuild'),
  };
}
