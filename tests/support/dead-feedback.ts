import { realClock } from '../../lib/aws/system';
import { mapEach } from '../../lib/concurrency';
import type { Envelope } from '../../lib/jobs/envelope';
import { bodyKey } from '../../lib/jobs/keys';
import { parkedMessage } from '../../lib/jobs/messages';
import { rowOfEnvelope } from '../../lib/jobs/new-row';
import type { JobRow } from '../../lib/jobs/row';
import { deploymentOf, noLog } from '../../lib/ops/connect';
import { ACCOUNT, REGION } from '../../packages/local/cloud';
import { localConfig } from '../../packages/local/connection';
import type { Service } from '../../packages/local/service';
import { anEnvelope, jobId } from './engine';
import { aFeedback } from './feedback';
import { hashPeople } from './hash-people';
import { inState } from './in-state';

const AT_ONCE = 8;
/** Each group that waits may start one more process of the worker. */
const GROUPS = 2;

/** Stores dead feedback jobs with their bodies and their DLQ entries. Answers their ids. */
export async function layDeadFeedback({ config, ports }: Service, count: number, code: string): Promise<string[]> {
  const client = localConfig(REGION);
  const deps = deploymentOf(config, {
    ...ports,
    ...{ region: REGION, account: ACCOUNT, by: 'local', log: noLog, hashPeople },
    aws: { lambda: client, cloudWatch: client, eventBridge: client, sns: client },
  });
  const now = realClock.now();
  const lay = async (n: number): Promise<string> => {
    const data = aFeedback({ user: { email: `user-${n}@example.com` }, confirmation: false });
    const made = anEnvelope({ id: jobId(n), type: 'feedback.submitted.v1', data, time: new Date(now).toISOString() });
    const envelope = made as unknown as Envelope;
    const row: JobRow = {
      ...rowOfEnvelope({ queue: 'feedback', envelope, group: `group-${n % GROUPS}`, now }),
      ...{ state: inState('dead'), reason: 'error' as const },
      error: { class: 'permanent', code, message: 'the template is wrong' },
      ...{ endedAt: now, recordedAt: now, parkedAt: now, parkedFrom: `message-${n}` },
      ...{ bodyKept: true, spentMessageIds: [`message-${n}`] },
    };
    const body = JSON.stringify(envelope);
    await deps.objects.put(bodyKey(config.PREFIX, 'feedback', row.id), body, 'application/json');
    await deps.ledger.write(row, 0);
    await deps.queues.send(deps.dlqUrl('feedback'), parkedMessage(row, body, 'fifo'));
    return row.id;
  };
  return mapEach(
    Array.from({ length: count }, (_, n) => n + 1),
    AT_ONCE,
    lay,
  );
}
