import * as z from 'zod';
import type { ItemDeps } from '../../lib/engine/jobs/items';
import { invalid } from '../../lib/engine/submit/errors';
import { valid } from '../../lib/engine/submit/options';
import type { Noted, SuppressionList, SuppressionReason } from '../../lib/mail/suppression';
import { emailAddress, singleLine } from '../../lib/platform/text';
import type { CallLimits } from './calls';

/** On whose behalf: the id of the API's client, or `system` for the API itself. */
const callerSchema = z
  .strictObject({ principal: singleLine(255).optional(), system: z.literal(true).optional() })
  .refine(({ principal, system }) => (principal === undefined) !== (system === undefined), {
    path: ['principal'],
    message: 'is required, or else the option system',
  });
const REASONS = ['unsubscribed', 'bounced', 'reported'] as const;
const reasonSchema = z.object({ reason: z.enum(REASONS).default('unsubscribed') });

type Caller = { principal: string; system?: undefined } | { principal?: undefined; system: true };
export type SuppressOptions = Caller & CallLimits;

/** Who gets no mail of campaigns. A repeat changes nothing. Rejects with an InvalidJobError or a StoreError. */
export interface Suppression {
  /** Chunks that start more than five seconds later leave the address out. */
  suppress(address: string, options: SuppressOptions & { reason?: (typeof REASONS)[number] }): Promise<void>;
  /** Ends `unsubscribed`. A bounce or a spam report stays until an operator removes it. */
  unsuppress(address: string, options: SuppressOptions): Promise<void>;
  /** Resolves to the reason, or `undefined`. */
  isSuppressed(address: string, options: SuppressOptions): Promise<SuppressionReason | undefined>;
}

export interface SuppressionDeps extends ItemDeps {
  /** Without it, the instance has no queue `emails`. */
  suppression?: Pick<SuppressionList, 'note' | 'because'> | undefined;
}

export function suppressionOf(deps: SuppressionDeps): Suppression {
  const asked = (address: string, options: object) => {
    valid(callerSchema, options, 'options');
    const { email } = valid(z.object({ email: emailAddress }), { email: address });
    if (deps.suppression) return { email, list: deps.suppression };
    throw invalid('queue', 'the instance has no queue emails, so it has no suppression list');
  };
  const note = async (address: string, options: object, reason: Noted['reason']) => {
    const { email, list } = asked(address, options);
    await list.note(deps, { email, reason });
  };
  return {
    async suppress(address, { reason, ...options }) {
      await note(address, options, valid(reasonSchema, { reason }, 'options').reason);
    },
    unsuppress: (address, options) => note(address, options, 'resubscribed'),
    async isSuppressed(address, options) {
      const { email, list } = asked(address, options);
      return list.because(deps, email);
    },
  };
}
