import type { CampaignInput, EmailMessageInput } from '../emails/message';
import type { RecipientInput } from '../emails/recipient';
import { InvalidJobError } from '../producer/errors';
import type { Producer } from '../producer/producer';
import type { SubmitOptions } from '../producer/valid';

export type EmailProducer = Pick<Producer, 'email' | 'campaign' | 'campaigns'>;

/** A campaign with its recipients in one body: few enough for one request. */
export async function submitCampaignBody(
  producer: EmailProducer,
  { body, options }: { body: unknown; options: SubmitOptions },
) {
  const { recipients, ...campaign } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  if (!Array.isArray(recipients))
    throw new InvalidJobError([{ field: 'recipients', message: 'recipients: must be an array' }]);
  // The producer validates; until then the body is anybody's.
  return producer.campaign(campaign as unknown as CampaignInput, recipients as RecipientInput[], options);
}

export const submitEmailBody = (
  producer: EmailProducer,
  { body, options }: { body: unknown; options: SubmitOptions },
) => producer.email(body as EmailMessageInput, options);

/** `{id}`: its report; `{id}/pause`, `/resume`, `/cancel`. `undefined`: there is no such campaign, or no such thing to do. */
export async function decideCampaign({ campaigns }: EmailProducer, path: string): Promise<object | undefined> {
  const [id = '', action = ''] = path.split('/');
  if (action !== 'pause' && action !== 'resume' && action !== 'cancel') return undefined;
  const campaign = await campaigns[action](id);
  return campaign && { id, status: campaign.status };
}
