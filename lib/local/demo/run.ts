import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '../service';
import type { JobView } from '../views';
import { differences, finished } from './check';
import { feedbackOf, httpClient, type Scenario } from './scenario';

/** The result of a scenario. */
export interface Outcome {
  title: string;
  id: string;
  job: JobView | undefined;
  /** Empty if everything is as expected. */
  differences: string[];
}

const LOOK_MS = 250;

/** Sends the jobs of all scenarios at once. Then it watches them until all have finished or the time is up. */
export async function runScenarios(
  service: Service,
  { scenarios, limitMs, print }: { scenarios: Scenario[]; limitMs: number; print: (line: string) => void },
): Promise<Outcome[]> {
  const client = httpClient(service);
  const begun = Date.now();
  const sent: { scenario: Scenario; id: string; shown: string }[] = [];
  for (const [index, scenario] of scenarios.entries()) {
    const marker = `user-${index + 1}@example.com`;
    scenario.prepare?.(service, marker);
    const id = await (scenario.send?.(client, marker) ?? client.accepted(feedbackOf(marker)));
    sent.push({ scenario, id, shown: '' });
  }

  /** Prints what changed. Returns true once all jobs have finished. */
  async function look(): Promise<boolean> {
    const deadLetters = service.views.deadLetters();
    const jobs = await Promise.all(sent.map(({ id }) => service.views.job(id)));
    for (const [index, entry] of sent.entries()) {
      const { state = 'sent', reason } = jobs[index] ?? {};
      const shown = reason ? `${state} (${reason})` : state;
      if (shown === entry.shown) continue;
      entry.shown = shown;
      print(`  ${((Date.now() - begun) / 1000).toFixed(1).padStart(5)} s  ${entry.scenario.title}: ${shown}`);
    }
    return jobs.every((job) => finished(job, deadLetters));
  }
  while (!(await look()) && Date.now() < begun + limitMs) await sleep(LOOK_MS);

  return Promise.all(
    sent.map(async ({ scenario: { title, expected }, id }) => {
      const job = await service.views.job(id);
      return { title, id, job, differences: job ? await differences(service, job, expected) : ['no row'] };
    }),
  );
}
