import * as z from 'zod';
import type { CampaignInput, EmailMessageInput } from '../emails/message';
import { type CampaignControl, campaignControl } from '../emails/report';
import type { FeedbackInput } from '../feedback/message';
import { createLedger } from '../jobs/ledger';
import type { HashPeople } from '../jobs/person-hash';
import type { Table } from '../ports';
import type { InviteInput, NotifyBuild, RemoveInput } from '../testflight/message';
import { type AcceptedCampaign, type RecipientSource, submitCampaign } from './campaign';
import { type Kind, kinds } from './kinds';
import { type Accepted, type SubmitDeps, submit } from './submit';
import { askedId, type SubmitOptions, valid } from './valid';

export interface ProducerDeps extends Omit<SubmitDeps, 'ledger'> {
  table: Table;
  hashPeople: HashPeople;
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

const campaignQuestion = z.object({ id: askedId });

/** Makes a producer from its ports. */
export function createProducer(deps: ProducerDeps): Producer {
  const submitDeps = { ...deps, ledger: createLedger(deps), emailRate: deps.emailRate ?? DEFAULT_EMAIL_RATE };
  const submitting =
    (kind: Kind) =>
    async (input: unknown, options: SubmitOptions = {}) =>
      submit(submitDeps, await kinds[kind](input, options, deps));
  const control = campaignControl(submitDeps);
  const asking =
    <A>(ask: (id: string) => Promise<A>) =>
    async (id: string) =>
      ask(valid(campaignQuestion, { id }).id);
  return {
    feedback: submitting('feedback'),
    email: submitting('email'),
    campaigns: {
      pause: asking(control.pause),
      resume: asking(control.resume),
      cancel: asking(control.cancel),
      report: asking(control.report),
    },
    campaign: (input, source, options = {}) => submitCampaign(submitDeps, { input, source, options }),
    invite: submitting('invite'),
    removeTester: submitting('removeTester'),
    notifyBuild: submitting('notifyBuild'),
  };
}
