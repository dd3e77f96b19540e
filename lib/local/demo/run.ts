import { setTimeout as sleep } from 'node:timers/promises';
import type { JobRow } from '../../jobs/row';
import { verifySource } from '../../ops/verify';
import { verify } from '../../verify/verify';
import { localClients } from '../clients';
import { REGION } from '../cloud';
import type { Service } from '../service';
import { type Expected, feedbackOf, type Scenario } from './scenarios';

interface Sent {
  title: string;
  expected: Expected;
  id: string;
}

const LOOK_MS = 250;
const HOUR_MS = 3_600_000;

/**
 * Sends the jobs of all scenarios at once. Then it watches them until all have finished or the time is up, and prints
 * how each ended. Resolves to what is not as expected.
 */
export async function runScenarios(
  service: Service,
  { scenarios, limitMs, print }: { scenarios: Scenario[]; limitMs: number; print: (line: string) => void },
): Promise<string[]> {
  const begun = Date.now();
  const sent: Sent[] = [];
  for (const [index, { title, expected, prepare, send }] of scenarios.entries()) {
    const email = `user-${index + 1}@example.com`;
    prepare?.(service, email);
    const id = (await send?.(service, email)) ?? (await service.producer.feedback(feedbackOf(email))).id;
    sent.push({ title, expected, id });
  }

  const shown = new Map<string, string>();
  /** Prints what changed. Returns true once all jobs have finished. */
  async function look(): Promise<boolean> {
    const jobs = await Promise.all(sent.map(({ id }) => service.job(id)));
    for (const [index, { title, id }] of sent.entries()) {
      const state = stateOf(jobs[index]);
      if (state === shown.get(id)) continue;
      shown.set(id, state);
      print(`  ${((Date.now() - begun) / 1000).toFixed(1).padStart(5)} s  ${title}: ${state}`);
    }
    return jobs.every((job) => finished(service, job));
  }
  while (!(await look()) && Date.now() < begun + limitMs) await sleep(LOOK_MS);

  const wrong: string[] = [];
  for (const { title, expected, id } of sent) {
    const job = await service.job(id);
    const { attempts = 0, steps = {}, error } = job ?? {};
    const done = Object.entries(steps).map(([name, { status }]) => `${name} ${status}`);
    const why = error ? [`${error.code}: ${error.message}`] : [];
    print(`\n${title}: ${stateOf(job)}\n  ${[`attempts ${attempts}`, ...done, ...why].join(' · ')}`);
    wrong.push(...differences(service, { id, ...job }, expected).map((difference) => `${title}: ${difference}`));
  }
  return wrong;
}

const stateOf = ({ state, reason }: Partial<JobRow> = {}): string =>
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
function differences(
  service: Service,
  { id, state, holds }: Partial<JobRow> & { id: string },
  expected: Expected,
): string[] {
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
