import type { Objects } from '../../ports';
import type { DeadLetter, JobView } from '../views';
import type { Expected } from './scenario';

/**
 * True once nothing more can happen to the job: it has its end and its record, its steps are resolved, and a dead job
 * is parked.
 */
export const finished = (job: JobView | undefined, deadLetters: DeadLetter[]): boolean =>
  job?.recordKey !== undefined &&
  // The fake SendGrid sends events for each e-mail, which resolve unknown steps.
  Object.values(job.steps).every(({ status }) => status !== 'unknown') &&
  (job.state !== 'dead' || deadLetterOf(job.id, deadLetters) !== undefined);

const deadLetterOf = (id: string, deadLetters: DeadLetter[]): DeadLetter | undefined =>
  deadLetters.find(({ attributes }) => attributes.job === id);

/** The parts of the service that the check reads. */
export interface Evidence {
  zendesk: { tickets: { external_id: string | null }[] };
  sendgrid: { mails: { customArgs: Record<string, string> }[] };
  views: { deadLetters(): DeadLetter[] };
  ports: { objects: Pick<Objects, 'get'> };
}

/** How the job, its tickets, its e-mails and its record differ from the expected outcome. Empty if they do not. */
export async function differences(service: Evidence, job: JobView, expected: Expected): Promise<string[]> {
  const { id, state, steps, holds } = job;
  const found: [what: string, is: unknown, mustBe: unknown][] = [
    ['state', state, expected.state],
    ['holds', holds, expected.holds ?? 0],
    ['tickets', service.zendesk.tickets.filter(({ external_id }) => external_id === id).length, expected.tickets],
    ['e-mails', service.sendgrid.mails.filter(({ customArgs }) => customArgs.job === id).length, expected.mails],
    [
      'reason in the dead-letter queue',
      deadLetterOf(id, service.views.deadLetters())?.attributes.code,
      expected.deadLetter,
    ],
    ['state in the S3 record', await recordedState(service, job.recordKey), expected.state],
  ];
  for (const [name, status] of Object.entries(expected.steps))
    found.push([`step ${name}`, steps[name]?.status, status]);
  return found
    .filter(([, is, mustBe]) => is !== mustBe)
    .map(([what, is, mustBe]) => `${what}: expected ${String(mustBe)}, got ${String(is)}`);
}

async function recordedState({ ports }: Evidence, key: string | undefined): Promise<unknown> {
  const bytes = key === undefined ? undefined : await ports.objects.get(key);
  return bytes && (JSON.parse(Buffer.from(bytes).toString('utf8')) as { state?: unknown }).state;
}
