import type { CampaignInput, EmailMessageInput } from '../emails/message';
import type { RecipientInput } from '../emails/recipient';
import { InvalidJobError, type Problem } from '../producer/errors';
import type { Producer } from '../producer/producer';
import type { Accepted } from '../producer/submit';
import type { Tracker } from '../producer/tracker';
import type { SubmitOptions } from '../producer/valid';

/** The body and the options of a request. The producer validates the body, so the casts below are safe. */
export interface Submission {
  body: unknown;
  options: SubmitOptions;
}

export const submitFeedback = (producer: Producer, { body, options }: Submission) =>
  producer.feedback(body as Parameters<Producer['feedback']>[0], options);

export const submitEmail = (producer: Producer, { body, options }: Submission) =>
  producer.email(body as EmailMessageInput, options);

/** Submits a campaign whose recipients fit into one request. */
export async function submitCampaign(producer: Producer, { body, options }: Submission) {
  const { recipients, ...campaign } = fieldsOf(body);
  if (!Array.isArray(recipients))
    throw new InvalidJobError([{ field: 'recipients', message: 'recipients: must be an array' }]);
  return producer.campaign(campaign as unknown as CampaignInput, recipients as RecipientInput[], options);
}

/** Runs `{id}/pause`, `/resume` or `/cancel`. `undefined` means that there is no such campaign or action. */
export async function controlCampaign({ campaigns }: Producer, path: string): Promise<object | undefined> {
  const [id = '', action = ''] = path.split('/');
  if (action !== 'pause' && action !== 'resume' && action !== 'cancel') return undefined;
  const campaign = await campaigns[action](id);
  return campaign && { id, status: campaign.status };
}

/** Submits one of three kinds of TestFlight jobs. `action` names the kind, the other fields are the job's data. */
export async function submitTestflight(producer: Producer, { body, options }: Submission): Promise<Accepted> {
  const { action, ...data } = fieldsOf(body);
  switch (action) {
    case 'invite':
      return producer.invite(data as never, options);
    case 'remove':
      return producer.removeTester(data as never, options);
    case 'notify-build':
      return producer.notifyBuild(data as never, options);
    default:
      throw new InvalidJobError([
        { field: 'action', message: 'action: must be one of "invite", "remove", "notify-build"' },
      ]);
  }
}

/** The result for the events of one request. */
export interface Tracked {
  accepted: number;
  /** Names each invalid event by its index. All others were accepted. */
  problems: Problem[];
}

/** Tracks the events of a body `{ events: […] }`. Throws an InvalidJobError if no event is valid. */
export async function trackEvents({ track }: Pick<Tracker, 'track'>, body: unknown): Promise<Tracked> {
  const { events } = fieldsOf(body);
  if (!Array.isArray(events) || events.length === 0)
    throw new InvalidJobError([{ field: 'events', message: 'events: must be a list of at least one event' }]);
  const problems: Problem[] = [];
  for (const [index, event] of events.entries())
    try {
      await track(event);
    } catch (error) {
      if (!(error instanceof InvalidJobError)) throw error;
      for (const { field, message } of error.problems)
        problems.push({ field: ['events', index, field].filter((part) => part !== '').join('.'), message });
    }
  if (problems.length === events.length) throw new InvalidJobError(problems);
  return { accepted: events.length - problems.length, problems };
}

const fieldsOf = (body: unknown): Record<string, unknown> =>
  typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
