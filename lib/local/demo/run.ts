import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '../service';
import type { JobView } from '../views';
import { differences, finished } from './check';
import type { Progress } from './progress';
import { httpClient, type Scenario } from './scenario';

/** The result of a scenario. */
export interface Outcome {
  title: string;
  id: string;
  job: JobView | undefined;
  /** Empty if everything is as expected. */
  differences: string[];
}

interface Sent {
  scenario: Scenario;
  id: string;
  marker: string;
  shown: string;
}

const LOOK_MS = 250;

/** Sends the jobs of all scenarios at once. Then it watches them until all have finished or the time is up. */
export async function runScenarios(
  service: Service,
  { scenarios, progress, limitMs }: { scenarios: Scenario[]; progress: Progress; limitMs: number },
): Promise<Outcome[]> {
  const client = httpClient(service);
  const until = Date.now() + limitMs;
  const sent: Sent[] = [];
  for (const [index, scenario] of scenarios.entries()) {
    const marker = `user-${index + 1}@example.com`;
    scenario.prepare?.(service, marker);
    sent.push({ scenario, id: await scenario.send(client, marker), marker, shown: '' });
  }
  while (Date.now() < until && !(await look(service, { sent, progress }))) await sleep(LOOK_MS);
  return Promise.all(
    sent.map(async ({ scenario: { title, expected, also }, id, marker }) => {
      const job = await service.views.job(id);
      if (!job) return { title, id, job, differences: ['no row'] };
      const found = [...(await differences(service, job, expected)), ...(also?.(service, marker) ?? [])];
      return { title, id, job, differences: found };
    }),
  );
}

/** Reports the changes since the last look. Returns true once all jobs have finished. */
async function look(service: Service, { sent, progress }: { sent: Sent[]; progress: Progress }): Promise<boolean> {
  const deadLetters = service.views.deadLetters();
  const jobs = await Promise.all(sent.map(async (entry) => ({ entry, job: await service.views.job(entry.id) })));
  const open = jobs.filter(({ job }) => !finished(job, deadLetters)).map(({ entry }) => entry);
  for (const { entry, job } of jobs) {
    const state = job ? `${job.state}${job.reason ? ` (${job.reason})` : ''}` : 'sent';
    if (state === entry.shown) continue;
    entry.shown = state;
    progress.report({
      what: entry.scenario.title,
      state,
      done: sent.length - open.length,
      waitingFor: open[0]?.scenario.title ?? '',
    });
  }
  return open.length === 0;
}
