import { InvalidJobError } from '../producer/errors';
import type { Producer } from '../producer/producer';
import type { Accepted } from '../producer/submit';
import type { SubmitOptions } from '../producer/valid';

export type TestflightProducer = Pick<Producer, 'invite' | 'removeTester' | 'notifyBuild'>;

/** One path for three kinds of jobs: `action` says which, the rest of the body is the job's data. */
export async function submitTestflight(
  producer: TestflightProducer,
  { body, options }: { body: unknown; options: SubmitOptions },
): Promise<Accepted> {
  const { action, ...data } = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  // The producer validates; until then the body is anybody's.
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
