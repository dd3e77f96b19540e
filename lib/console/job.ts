import type { JobRow } from '../jobs/row';
import { itemOf } from '../jobs/stored-row';
import { explain } from '../ops/explain';
import { findJob } from '../ops/find';
import { jobView } from '../ops/job-view';
import { stateOf } from '../ops/operator';
import { sentEnvelope } from '../ops/replace';
import { timeline } from '../ops/timeline';
import { auditLook } from './audit';
import type { ConsoleDeps } from './deps';
import { shapeOf } from './mask';
import type { JobPage, Revealed } from './views';

/** Everything about a job that an operator may see without a reason. */
export async function jobPageOf({ deployment }: ConsoleDeps, queue: string | undefined, id: string): Promise<JobPage> {
  const row = await findJob(deployment, id, queue);
  const { key: _key, writer: _writer, lease: _lease, ...stored } = itemOf({ ...row, steps: withoutKept(row) });
  return {
    queue: row.queue,
    id: row.id,
    state: stateOf(row),
    facts: factsOf(row),
    explained: explain(row, deployment.clock.now()),
    timeline: timeline(row),
    steps: Object.entries(row.steps).map(([name, { status, result }]) => ({ name, status, result: shown(result) })),
    ...(row.error ? { error: row.error } : {}),
    record: jobView(row, deployment.prefix),
    row: stored,
  };
}

/** A confidential result stays in the table. */
const withoutKept = ({ steps }: JobRow): JobRow['steps'] =>
  Object.fromEntries(Object.entries(steps).map(([name, { kept: _kept, ...step }]) => [name, step]));

const shown = (result: unknown): string => (result === undefined ? '' : JSON.stringify(result));

function factsOf(row: JobRow): [string, string][] {
  const { type, source, group, correlationId, attempts, generation, holds, replacedBy } = row;
  const facts: [string, string | undefined][] = [
    ['type', type],
    ['source', source],
    ['message group', group],
    ['correlation id', correlationId],
    ['replaced by', replacedBy],
    ['attempts', `${attempts}, opened ${generation}, held ${holds}`],
    ['accepted', new Date(row.time).toISOString()],
    ['ended', row.endedAt === undefined ? undefined : new Date(row.endedAt).toISOString()],
  ];
  return facts.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
}

/** What a job was sent with, without its values. `undefined`: its body is not kept. */
export async function dataShape({ deployment }: ConsoleDeps, queue: string, id: string): Promise<Revealed> {
  const { data, dataref } = await sentEnvelope(deployment, await findJob(deployment, id, queue));
  return { data: dataref === undefined ? shapeOf(data) : { dataref } };
}

/** What a job was sent with. It may be personal, so each look leaves an audit object. */
export async function reveal(deps: ConsoleDeps, queue: string, id: string): Promise<Revealed> {
  const { data, dataref } = await sentEnvelope(deps.deployment, await findJob(deps.deployment, id, queue));
  await auditLook(deps, { action: 'job.reveal', arguments: { queue, id } });
  return { data: dataref === undefined ? data : { dataref } };
}
