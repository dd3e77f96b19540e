import { type Claim, claim, crashLoop } from '../jobs/claim';
import { CLOCK_SKEW_MS } from '../jobs/clock-skew';
import { countOutcome } from '../jobs/count-outcome';
import { finish } from '../jobs/finish';
import { disowned, type Resolved, resolve } from '../jobs/identify';
import { invalidId, jobKey, recordKey } from '../jobs/keys';
import { LeaseLostError } from '../jobs/ledger';
import { blankRow, rowOfEnvelope } from '../jobs/new-row';
import { rowOfRecord } from '../jobs/record';
import { keepCancelled } from '../jobs/reopen';
import type { JobRow } from '../jobs/row';
import { storedError } from '../jobs/stored-error';
import type { QueueContract } from './contract';
import { type Incoming, isLastReceive } from './delivery';
import type { Deadline, WorkerDeps } from './deps';
import { direct } from './direct';
import { orGiveUp } from './give-up';
import { createLease } from './lease';
import { type Disposition, outcomes } from './outcome';
import { run } from './run';

const DAY_MS = 24 * 60 * 60_000;
const SECOND_MS = 1_000;

export interface Delivery {
  deps: WorkerDeps;
  contract: QueueContract;
  message: Incoming;
  deadline: Deadline;
  /** No other job runs in this invocation. */
  alone: boolean;
}

/** The message may be what killed an earlier invocation: it is to be delivered again with nothing beside it. */
export interface Suspect {
  acknowledge: false;
  suspect: true;
}

/** One message from its delivery to a disposition. Throws StoreError alone, where nothing could be written. */
export async function deliver(delivery: Delivery): Promise<Disposition | Suspect> {
  const { deps, contract, message } = delivery;
  const done = await direct(delivery);
  if (done && done !== 'taken') return done;
  const found = await resolve({ ...deps, queue: contract.queue }, message);
  const resolved = done ? disowned(found, invalidId(message.messageId)) : found;
  try {
    return await dispose(delivery, resolved);
  } catch (error) {
    if (!(error instanceof LeaseLostError)) throw error;
    // Whoever has the job now decides: to us it is as if the message had just come.
    return dispose(delivery, resolved);
  }
}

async function dispose(delivery: Delivery, resolved: Resolved): Promise<Disposition | Suspect> {
  const { deps, contract, message, deadline } = delivery;
  const claimed = await take(delivery, resolved);
  switch (claimed.kind) {
    case 'claimed':
      if (await mustWait(deps, claimed.row)) return holdBehind(delivery, resolved, claimed.row);
      return run({ ...delivery, resolved, row: claimed.row });
    case 'crash-loop':
      return parkCrashed(delivery, resolved, claimed.row);
    case 'late':
      deps.log.info('late delivery', { ...facts(delivery, resolved.id), state: claimed.row.state });
      await finish(deps, claimed.row, resolved.body);
      if (!(await keepCancelled(deps, claimed.row, resolved.body))) return dispose(delivery, resolved);
      return { acknowledge: true };
    case 'refused':
      return refuse(delivery, claimed.row);
    case 'suspect':
      return { acknowledge: false, suspect: true };
    case 'conflict':
      return dispose(delivery, disowned(resolved, invalidId(message.messageId)));
    case 'busy': {
      const waitMs = claimed.until - deps.clock.now() + SECOND_MS;
      if (waitMs <= deadline.remainingMs() && deadline.mayStart()) {
        await deps.clock.sleep(waitMs);
        return dispose(delivery, resolved);
      }
      // A copy that SQS would dead-letter untried: the message that the job is run from stays until there is an outcome.
      if (claimed.messageId !== message.messageId && isLastReceive(message, deps.settings(contract.queue)))
        return { acknowledge: true };
      return { acknowledge: false, visibilityMs: waitMs };
    }
  }
}

function take(delivery: Delivery, resolved: Resolved): Promise<Claim> {
  const { deps, contract, message, deadline, alone } = delivery;
  const { messageId, group, sequence, receiveCount, sentAt } = message;
  const now = deps.clock.now();
  const key = jobKey(contract.queue, resolved.id);
  return claim(deps.ledger, {
    key,
    payloadHash: resolved.payloadHash,
    fresh: () => fresh(delivery, resolved),
    delivery: {
      messageId,
      receiveCount,
      sentAt,
      at: now,
      ...(group ? { group } : {}),
      ...(sequence ? { sequence } : {}),
    },
    token: deps.random.uuid(),
    alone,
    // By any worker's clock it outlives its function.
    leaseUntil: deadline.at + CLOCK_SKEW_MS,
    now: () => deps.clock.now(),
  });
}

/** The row of a job that the table does not know: an old one may have ended and lost its row to age. */
async function fresh({ deps, contract, message }: Delivery, resolved: Resolved): Promise<JobRow> {
  const { queue } = contract;
  const { envelope } = resolved;
  const now = deps.clock.now();
  const origin = { queue, group: message.group, now };
  const made = envelope
    ? rowOfEnvelope({ ...origin, envelope })
    : blankRow({ ...origin, id: resolved.id, time: message.sentAt, payloadHash: resolved.payloadHash });
  if (now - made.time < DAY_MS) return made;
  const record = await deps.objects.get(recordKey(deps.prefix, made));
  return (record && rowOfRecord(Buffer.from(record).toString('utf8'), made.key)) ?? made;
}

/** In an ordered queue only the first of a group's held jobs may run. */
async function mustWait({ order, settings }: WorkerDeps, row: JobRow): Promise<boolean> {
  if (!settings(row.queue).ordered) return false;
  const [first = row.id] = await order.front(row);
  return first !== row.id;
}

/** Code that knows the state must look at the job: the message stays in SQS, first in its queue, then in the DLQ. */
function refuse(delivery: Delivery, row: JobRow): Disposition {
  const { deps, contract } = delivery;
  deps.log.error('a job is in a state that no run may start from', { ...facts(delivery, row.id), state: row.state });
  countOutcome(deps.metrics, { queue: contract.queue, name: 'JobsRetried', kind: 'state' });
  return { acknowledge: false, visibilityMs: deps.storeWait * 1000 };
}

async function holdBehind(delivery: Delivery, resolved: Resolved, row: JobRow): Promise<Disposition> {
  const { deps, message } = delivery;
  const lease = createLease(deps.ledger, row);
  const end = outcomes(deps, { lease, message, body: resolved.body });
  // Behind the front a job comes back by itself as well, now and then: released code does not know about tickets.
  const waitMs = Math.max(DAY_MS, deps.clock.now() - row.time);
  const hold = () => end.hold({ reason: 'behind', waitMs, counts: false });
  return { acknowledge: true, row: await orGiveUp(deps, { ...delivery, lease }, hold) };
}

async function parkCrashed(delivery: Delivery, resolved: Resolved, row: JobRow): Promise<Disposition> {
  const { deps, message } = delivery;
  const lease = createLease(deps.ledger, row);
  const end = outcomes(deps, { lease, message, body: resolved.body });
  // A crash was counted when it was found; parking for it is no attempt of its own.
  const park = () => end.park({ error: storedError(crashLoop()), reason: 'crash', counts: false });
  const ended = await orGiveUp(deps, { ...delivery, lease }, park);
  return { acknowledge: true, row: await finish(deps, ended, resolved.body) };
}

const facts = ({ contract, message }: Delivery, jobId: string) => ({
  queue: contract.queue,
  jobId,
  messageId: message.messageId,
  group: message.group,
  receiveCount: message.receiveCount,
});
