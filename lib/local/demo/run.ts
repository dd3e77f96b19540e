import { setTimeout as sleep } from 'node:timers/promises';
import type { JobRow } from '../../jobs/row';
import { verifySource } from '../../ops/verify';
import { verify } from '../../verify/verify';
import { localClients } from '../clients';
import { REGION } from '../cloud';
import type { Service } from '../service';
import { type Expected, feedbackOf, type Scenario } from './scenarios';

/** The result of a scenario. */
export interface Outcome {
  title: string;
  id: string;
  job: JobRow | undefined;
  /** Empty if everything is as expected. */
  differences: string[];
}

const LOOK_MS = 250;
const HOUR_MS = 3_600_000;

/** Sends the jobs of all scenarios at once. Then it watches them until all have finished or the time is up. */
export async function runScenarios(
  service: Service,
  { scenarios, limitMs, print }: { scenarios: Scenario[]; limitMs: number; print: (line: string) => void },
): Promise<Outcome[]> {
  const begun = Date.now();
  const sent: { scenario: Scenario; id: string; shown: string }[] = [];
  for (const [index, scenario] of scenarios.entries()) {
    const email = `user-${index + 1}@example.com`;
    scenario.prepare?.(service, email);
    const id = (await scenario.send?.(service, email)) ?? (await service.producer.feedback(feedbackOf(email))).id;
    sent.push({ scenario, id, shown: '' });
  }

  /** Prints what changed. Returns true once all jobs have finished. */
  async function look(): Promise<boolean> {
    const jobs = await Promise.all(sent.map(({ id }) => service.job(id)));
    for (const [index, entry] of sent.entries()) {
      const shown = stateOf(jobs[index]);
      if (shown === entry.shown) continue;
      entry.shown = shown;
      print(`  ${((Date.now() - begun) / 1000).toFixed(1).padStart(5)} s  ${entry.scenario.title}: ${shown}`);
    }
    return jobs.every((job) => finished(service, job));
  }
  while (!(await look()) && Date.now() < begun + limitMs) await sleep(LOOK_MS);

  return Promise.all(
    sent.map(async ({ scenario: { title, expected }, id }) => {
      const job = await service.job(id);
      return { title, id, job, differences: job ? differences(service, job, expected) : ['no row'] };
    }),
  );
}

export const stateOf = ({ state, reason }: Partial<JobRow> = {}): string =>
  reason ? `${state} (${reason})` : (state ?? 'sent');

/**
 * Whether nothing more can happen to a job: it has its end and its record, its steps are resolved, and a dead job is
 * parked. The fake SendGrid sends events for each e-mail, which resolve unknown steps.
 */
const finished = (service: Service, job: JobRow | undefined): boolean =>
  job?.recordedAt !== undefined &&
  Object.values(job.steps).every(({ status }) => status !== 'unknown') &&
  (job.state !== 'dead' || deadLetterOf(service, job.id) !== undefined);

/** The code in the DLQ entry of a job. */
const deadLetterOf = (service: Service, id: string): string | undefined =>
  service.deadLetters().find(({ attributes }) => attributes.job?.StringValue === id)?.attributes.code?.StringValue;

/** How the job, its tickets and its e-mails differ from the expected outcome. Empty if they do not. */
function differences(service: Service, { id, state, holds }: JobRow, expected: Expected): string[] {
  const found: [what: string, is: unknown, mustBe: unknown][] = [
    ['state', state, expected.state],
    ['holds', holds, expected.holds ?? 0],
    ['tickets', service.zendesk.tickets.filter(({ external_id }) => external_id === id).length, expected.tickets],
    ['e-mails', service.sendgrid.mails.filter(({ customArgs }) => customArgs.job === id).length, expected.mails],
    ['code in the dead-letter queue', deadLetterOf(service, id), expected.deadLetter],
  ];
  return found
    .filter(([, is, mustBe]) => is !== mustBe)
    .map(([what, is, mustBe]) => `${what}: expected ${String(mustBe)}, got ${String(is)}`);
}

/** What `sls verify` finds in all that a service on this machine has stored in the last hours. */
export async function verified({ config, endpoints, zendesk }: Service): Promise<string[]> {
  const clients = localClients({ endpoints, region: REGION });
  const source = verifySource(config, {
    ...clients,
    zendesk: { endpoint: zendesk.url, authorization: zendesk.authorization },
  });
  const now = Date.now();
  try {
    const { findings } = await verify(source, { from: now - 2 * HOUR_MS, to: now });
    return findings.map(({ kind, id, what }) => `${kind} of ${id}: ${what}`);
  } finally {
    for (const one of Object.values(clients)) one.destroy();
  }
}
