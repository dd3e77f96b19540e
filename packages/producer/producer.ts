import * as z from 'zod';
import type { CampaignInput } from '../../lib/emails/message';
import { type CampaignControl, campaignControl } from '../../lib/emails/report';
import { type Inputs, type Kind, kinds } from '../../lib/submit/kinds';
import { askedId, type SubmitOptions, valid, validOptions } from '../../lib/submit/options';
import { type Accepted, submit } from '../../lib/submit/submit';
import { type AcceptedCampaign, type ProducerDeps, type RecipientSource, submitCampaign } from './campaign';

/**
 * The typed client that an API imports, with one function per kind of job. Every function rejects with an
 * InvalidJobError (400), an IdempotencyConflictError (409) or a StoreError (503, try again with the same key).
 */
export interface Producer extends Submitting {
  /** Sends one mail to many people. The answer's `id` is the campaign's. */
  campaign(campaign: CampaignInput, recipients: RecipientSource, options?: SubmitOptions): Promise<AcceptedCampaign>;
  /** Pauses, resumes, cancels and reports campaigns. */
  campaigns: CampaignControl;
}

type Submitting = { [K in keyof Inputs]: (data: Inputs[K], options?: SubmitOptions) => Promise<Accepted> };

const campaignQuestion = z.object({ id: askedId });

export const createProducer = (deps: ProducerDeps): Producer => producerOf(async () => deps);

export function producerOf(load: () => Promise<ProducerDeps>): Producer {
  const submitting =
    (kind: Kind) =>
    async (input: unknown, options: SubmitOptions = {}): Promise<Accepted> => {
      const deps = await load();
      return submit(deps, await kinds[kind](input, validOptions(options), deps));
    };
  const control = async () => campaignControl(await load());
  const checked = (id: string) => valid(campaignQuestion, { id }).id;
  const each = (Object.keys(kinds) as Kind[]).map((kind) => [kind, submitting(kind)]);
  return {
    ...(Object.fromEntries(each) as Submitting),
    campaign: async (input, source, options = {}) => submitCampaign(await load(), { input, source, options }),
    campaigns: {
      pause: async (id) => (await control()).pause(checked(id)),
      resume: async (id) => (await control()).resume(checked(id)),
      cancel: async (id) => (await control()).cancel(checked(id)),
      report: async (id) => (await control()).report(checked(id)),
    },
  };
}
