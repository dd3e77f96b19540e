import type { Envelope } from '../../lib/engine/jobs/envelope';
import { bodyKey } from '../../lib/engine/jobs/keys';
import { parkedMessage } from '../../lib/engine/jobs/messages';
import { type JobRow, rowOfEnvelope } from '../../lib/engine/jobs/row';
import type { Queues } from '../../lib/platform/ports';
import type { Service } from '../../packages/local/service';
import { anEnvelope, type Engine, envelope, jobId } from './engine';
import { aFeedback } from './feedback';
import { inState } from './in-state';

type Store = Pick<Engine['deps'], 'ledger' | 'dlqUrl' | 'clock'> & { queues: Pick<Queues, 'send'> };

/** Stores a dead job with its DLQ entry. Answers its body. */
export async function layDead(
  { ledger, queues, dlqUrl, clock }: Store,
  { n, envelope, ...changes }: Partial<JobRow> & { queue: string; n: number; envelope: object },
): Promise<string> {
  const now = clock.now();
  const made = { ...anEnvelope({ id: jobId(n) }), ...envelope } as unknown as Envelope;
  const row: JobRow = {
    ...rowOfEnvelope({ queue: changes.queue, envelope: made, group: `g${n}`, now }),
    ...{ state: inState('dead'), reason: 'error', endedAt: now, recordedAt: now, parkedAt: now },
    ...{ parkedFrom: `message-${n}`, spentMessageIds: [`message-${n}`] },
    ...{ error: { class: 'permanent', code: 'Rejected', message: 'rejected' }, ...changes },
  };
  const body = JSON.stringify(made);
  await ledger.write(row, 0);
  await queues.send(dlqUrl(row.queue), parkedMessage(row, body, 'fifo'));
  return body;
}

export async function layParked({ deps }: Engine, count: number, first = 1): Promise<void> {
  for (let n = first; n < first + count; n++) await layDead(deps, { queue: 'sample', n, envelope: {} });
}

/** Stores dead feedback jobs with their bodies and their DLQ entries, in two groups. */
export async function layDeadFeedback({ deployment }: Service, count: number, code: string): Promise<void> {
  const time = new Date(deployment.clock.now()).toISOString();
  for (let n = 1; n <= count; n++) {
    const data = aFeedback({ user: { email: `user-${n}@example.com` }, confirmation: false });
    const envelope = { type: 'feedback.submitted.v1', data, time };
    const error = { class: 'permanent' as const, code, message: 'the template is wrong' };
    const group = `group-${n % 2}`;
    const body = await layDead(deployment, { queue: 'feedback', n, envelope, group, bodyKept: true, error });
    await deployment.objects.put(bodyKey(deployment.prefix, 'feedback', jobId(n)), body, 'application/json');
  }
}

/** Lets every message of the queue use up its receives without a run, as throttled starts do. */
export function spendReceives(engine: Engine): void {
  for (let receive = 0; receive < 4; receive++) {
    while (engine.receive().Records.length > 0);
    engine.clock.advance(301_000);
  }
}

export function moveUntried(
  engine: Engine,
  n: number,
  { body = envelope(n), attributes = {} as Record<string, string> } = {},
): void {
  engine.send(body, { group: `untried-${n}`, attributes });
  spendReceives(engine);
}
