import { jobId } from '../../support/engine';
import { startSample } from './sample';
import type { ScalePlan } from './service';

const SECOND_MS = 1_000;
/** A job of another group comes so often, and may wait so long. */
const OTHER_EVERY_MS = 60 * SECOND_MS;
const SOON_MS = 5 * SECOND_MS;

/** Many messages of one group run one after another, in their order, and do not delay other groups. */
export const oneGroup: ScalePlan = {
  name: 'one-group',
  what: 'jobs of one message group, and a job of another one each minute',
  size: 200,
  largest: 10_000,
  async run(size) {
    const done: string[] = [];
    const waits = new Map<string, number>();
    const request = ({ id }: { id: string }) => {
      const sent = waits.get(id);
      if (sent === undefined) done.push(id);
      else waits.set(id, sample.now() - sent);
    };
    const sample = startSample(request, { batch: 10 });
    for (let n = 1; n <= size; n++) sample.sendJob(n, { group: 'one' });
    const other = (n: number) => {
      waits.set(jobId(n), sample.now());
      sample.sendJob(n);
      sample.after(OTHER_EVERY_MS, () => other(n + 1));
    };
    other(size + 1);

    return sample.run({
      withinMs: size * SECOND_MS,
      done: () => {
        if (done.some((id, index) => id !== jobId(index + 1))) return 'order kept: a job ran out of its turn';
        if (done.length < size) return false;
        const late = [...waits.values()].filter((ms) => ms < sample.now() - OTHER_EVERY_MS && ms > SOON_MS);
        return late.length === 0 || `bystanders: ${late.length} jobs of other groups wait`;
      },
    });
  },
};
