import { parseEnvelope } from '../../../lib/engine/jobs/envelope';
import { jobKey } from '../../../lib/engine/jobs/keys';
import { InvalidJobError } from '../../../lib/engine/submit/errors';
import { toSqs } from '../../../lib/platform/aws/sqs-messages';
import { StoreError } from '../../../lib/platform/errors';
import { jobsOf } from '../../../packages/producer/jobs';
import { readWhole } from '../../support/producer';
import { FOREIGN, type JobKind, type JobSpec } from '../draw/plan';
import { later, sleep } from './acts';
import { outside } from './code';
import { mainQueue, serviceQueue, uuidOf } from './names';
import { eventOf } from './strangers';
import type { World } from './types';
import { MARK } from './watch';

/** A job that the producer accepted, or a message that another sender put into the queue. */
export interface Input {
  spec: JobSpec;
  index: number;
  /** The job's id. For an invalid message: the id under which it gets a row. */
  id: string;
  /** The body of an invalid message. A move by SQS gives the message another id, so the row is found by the body. */
  body?: string;
}

export const isProduced = (kind: JobKind): boolean => kind !== 'event' && !FOREIGN.some((foreign) => foreign === kind);

const RETRY_MS = 2_000;

/** Starts all callers. The returned list grows with each job or message that goes in. */
export function startCallers(world: World): Input[] {
  const inputs: Input[] = [];
  for (const [index, spec] of world.plan.jobs.entries()) {
    later(world, spec.at, () => send(world, inputs, { spec, index }));
    if (spec.again !== undefined)
      later(world, spec.at + spec.again, () => send(world, inputs, { spec: { ...spec, retries: 0 }, index }));
  }
  return inputs;
}

async function send(world: World, inputs: Input[], { spec, index }: { spec: JobSpec; index: number }): Promise<void> {
  const note = (id: string, body?: string) => {
    world.trouble();
    if (!inputs.some((input) => input.id === id)) inputs.push({ spec, index, id, ...(body ? { body } : {}) });
  };
  const foreign = foreignBody(world, inputs, spec, index);
  if (foreign !== undefined) return note(put(world, spec, foreign), foreign);
  for (let tried = 0; tried <= spec.retries; tried++) {
    const accepted = await ask(world, spec, index);
    if (accepted) {
      expectPlanned(world, spec, accepted.id);
      for (const id of [accepted.id, ...(accepted.more ?? [])]) note(id);
      return;
    }
    await sleep(world, RETRY_MS * 2 ** tried);
  }
}

/** Asks the producer to accept a job. Resolves to `undefined` if it refuses or dies. */
async function ask(world: World, spec: JobSpec, index: number) {
  const { trace, plan, queue, watch, reached } = world;
  const start = spec.planned && plan.start + spec.at + spec.planned.ahead;
  const notBefore = start === undefined ? {} : { notBefore: new Date(start).toISOString() };
  const name = `api ${index}`;
  const job = { spec, index, key: `key-${index}`, ...notBefore };
  const expects = start === undefined && !queue.isLate?.(world, index) ? DOWN : TOO_LATE;
  const caller = { name, expects, ...(queue.callerMs && { timeoutMs: queue.callerMs }) };
  const { answer: accepted, died } = await outside(world, caller, (deps) => {
    // At this rate the producer chooses chunks of three recipients.
    const producer = { ...deps, readObject: readWhole(deps.objects), source: '/sim/api', emailRate: 6 };
    return queue.submit(producer, job, world);
  });
  if (died === 'timeout' && queue.callerMs && !reached.has('fault hung'))
    watch.violated(`liveness: ${name} got no answer`);
  trace.add({ who: name, what: accepted ? 'accepted' : 'not accepted', detail: () => `${accepted?.id} ${spec.kind}` });
  return accepted;
}

const DOWN = [StoreError];
/** The time of a job can be over before the producer accepts it. */
const TOO_LATE = [StoreError, InvalidJobError];

/** A planned job stays in the table until its time, or until its caller cancels it. */
function expectPlanned(world: World, { at, planned }: JobSpec, id: string): void {
  if (!planned) return;
  const { reach, trouble, plan, watch, queue } = world;
  reach('job planned');
  trouble(plan.start + at + planned.ahead);
  if (planned.cancel === undefined) return;
  later(world, planned.cancel, async () => {
    const cancelling = { name: 'api cancel', expects: TOO_LATE };
    const { answer } = await outside(world, cancelling, (deps) => jobsOf(deps).cancel(id, { system: true }));
    if (!answer) return;
    const done = answer.cancelled;
    reach(done ? 'planned job cancelled' : 'planned job not cancelled');
    const row = watch.row(jobKey(serviceQueue({ queue }), id));
    // No arrow leads from there to a run. An operator may have opened the job since.
    if (done && row?.generation === 1 && row.state !== 'cancelled')
      watch.violated(`planned jobs are kept: ${id} is not cancelled, although its caller got that answer`);
  });
}

/** The body of a message from an unknown sender, or `undefined` for a job of our producer. */
function foreignBody(world: World, inputs: Input[], spec: JobSpec, index: number): string | undefined {
  const { queue, chance, kernel, watch } = world;
  const dataOf = (number: number) => queue.data({ ...spec, kind: 'good' }, number);
  const envelope = (changes: Record<string, unknown>) =>
    eventOf(world, { id: chance.uuid(), source: '/elsewhere', data: dataOf(index), ...changes });
  const invalid = () => envelope({ data: { [MARK]: index } });
  // Our producer writes a job's row before it sends the message.
  const before = inputs.findLast((input) => isProduced(input.spec.kind));
  switch (spec.kind) {
    case 'not-json':
      return `${MARK} not JSON ${index}`;
    case 'no-envelope':
      return JSON.stringify({ hello: `${MARK} ${index}` });
    case 'bad-data':
      return invalid();
    case 'unknown-version':
      return envelope({ type: queue.type.replace('.v1', '.v0') });
    case 'stolen-id':
      return before ? envelope({ id: before.id, data: dataOf(1_000 + index) }) : invalid();
    case 'copy':
      return (before && watch.bodies.get(before.id)) ?? invalid();
    case 'event': {
      const time = new Date(kernel.now()).toISOString().replace('Z', '000+00:00');
      return envelope({
        id: uuidOf(`sender ${queue.name}`, index),
        time,
        datacontenttype: 'application/json; charset=utf-8',
      });
    }
    default:
      return undefined;
  }
}

/** Sends a message without our producer. Returns the id that its row will have. */
function put(world: World, spec: JobSpec, body: string): string {
  const { sqs, queue, settings, chance, trace, watch } = world;
  const group = queue.group({ ...spec, kind: 'good' });
  const inGroup = settings.type === 'fifo' && { groupId: group, deduplicationId: chance.uuid() };
  const { MessageId = '' } = sqs.sendMessage(toSqs(mainQueue(world), { body, ...inGroup }));
  trace.add({ who: 'stranger', what: 'sent', detail: () => `${spec.kind} ${MessageId.slice(-4)}` });
  if (spec.kind === 'event') return parseEnvelope(body).id;
  const id = /"id":"([^"]+)"/.exec(body)?.[1];
  return id !== undefined && !watch.firsts.has(id) ? id : spec.kind === 'copy' && id ? id : `invalid/${MessageId}`;
}
