import type { JobRow } from '../jobs/row';
import { itemOf } from '../jobs/stored-row';
import { explain } from '../ops/explain';
import { jobView, stateOf } from '../ops/operator';
import { sentEnvelope } from '../ops/replace';
import { findJob } from '../ops/search';
import { timeline } from '../ops/timeline';
import { auditLook, type ConsoleDeps } from './deps';
import type { JobPage, JobView, Revealed } from './views';

/** Everything about a job that an operator may see without a reason. */
export async function jobPageOf({ deployment }: ConsoleDeps, queue: string | undefined, id: string): Promise<JobPage> {
  const row = await findJob(deployment, id, queue);
  const { key: _key, writer: _writer, lease: _lease, ...stored } = itemOf({ ...row, steps: withoutKept(row) });
  return {
    state: stateOf(row),
    explained: explain(row, deployment.clock.now()),
    timeline: timeline(row),
    job: jobView(row, deployment.prefix) as JobView,
    row: stored,
  };
}

/** A confidential result stays in the table. */
const withoutKept = ({ steps }: JobRow): JobRow['steps'] =>
  Object.fromEntries(Object.entries(steps).map(([name, { kept: _kept, ...step }]) => [name, step]));

/** What a job was sent with. It may be personal: without `unmask` its shape, and each look leaves an audit object. */
export async function jobData(
  { unmask, ...deps }: ConsoleDeps & { unmask: boolean },
  queue: string,
  id: string,
): Promise<Revealed> {
  const { data, dataref } = await sentEnvelope(deps.deployment, await findJob(deps.deployment, id, queue));
  if (unmask) await auditLook(deps, { action: 'job.reveal', arguments: { queue, id } });
  if (dataref !== undefined) return { data: { dataref } };
  return { data: unmask ? data : shapeOf(data) };
}

/**
 * The shape of data that may be personal: the names of its fields, and the kind and length of each value. Names below the
 * first level may be a user's words, so an object is only counted.
 */
function shapeOf(data: unknown): unknown {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return kindOf(data);
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, kindOf(value)]));
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return `text, ${value.length} characters`;
  if (Array.isArray(value)) return `list of ${value.length}`;
  if (typeof value === 'object') return `object with ${Object.keys(value).length} fields`;
  return typeof value;
}
