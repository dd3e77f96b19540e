import { parkedMessage } from '../../lib/jobs/messages';
import { rowOfEnvelope } from '../../lib/jobs/new-row';
import type { JobRow } from '../../lib/jobs/row';
import { anEnvelope, jobId, type memoryEngine } from './engine';
import { inState } from './in-state';

type Engine = ReturnType<typeof memoryEngine>;

/** Stores `count` dead jobs with their DLQ entries, numbered from `first`. */
export async function layParked({ clock, deps }: Engine, count: number, first = 1): Promise<void> {
  const now = clock.now();
  for (let n = first; n < first + count; n++) {
    const envelope = anEnvelope({ id: jobId(n) }) as unknown as Parameters<typeof rowOfEnvelope>[0]['envelope'];
    const dead: JobRow = {
      ...rowOfEnvelope({ queue: 'sample', envelope, group: `g${n}`, now }),
      state: inState('dead'),
      reason: 'error',
      error: { class: 'permanent', code: 'Rejected', message: 'rejected' },
      endedAt: now,
      recordedAt: now,
      parkedAt: now,
      parkedFrom: `message-${n}`,
      spentMessageIds: [`message-${n}`],
    };
    await deps.ledger.write(dead, 0);
    await deps.queues.send(deps.dlqUrl('sample'), parkedMessage(dead, JSON.stringify(envelope), 'fifo'));
  }
}

/** Lets every message of the queue use up its receives without a run, as throttled starts do. */
export function spendReceives(engine: Engine): void {
  for (let receive = 0; receive < 4; receive++) {
    while (engine.receive().Records.length > 0);
    engine.clock.advance(301_000);
  }
}

/** Lets SQS dead-letter a message that no worker has tried. */
export function moveUntried(
  engine: Engine,
  n: number,
  {
    body = JSON.stringify(anEnvelope({ id: jobId(n) })),
    attributes = {},
  }: { body?: string; attributes?: Record<string, string> } = {},
): void {
  engine.send(body, { group: `untried-${n}`, attributes });
  spendReceives(engine);
}
