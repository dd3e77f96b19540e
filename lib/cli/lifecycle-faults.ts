import type { LifecycleRule } from '@aws-sdk/client-s3';
import type { Instance } from '../instances/instance';
import { ownerKey } from '../jobs/keys';
import { counted } from '../text';
import { type Retention, retentions } from './retention';

/** What an enabled rule does to objects without tags. Our objects have none. */
interface Effect {
  prefix: string;
  /** It applies to objects of every size. */
  whole: boolean;
  /** It deletes them after so many days. 0: on a date. */
  days: number | undefined;
  /** It deletes every old version. */
  old: boolean;
}

/** What the lifecycle rules of a bucket do to the folders of an instance, compared by effect and not by text. */
export interface LifecycleFaults {
  /** Sentences, for what a deployment must not accept. */
  faults: string[];
  /** Folders that are kept for longer than `sls instances lifecycle` says. */
  longer: string[];
  /** Whether the bucket has rules for objects of others. */
  foreign: boolean;
}

/** Compares the rules with the retentions of the instance. */
export function lifecycleFaults(instance: Instance, rules: readonly LifecycleRule[]): LifecycleFaults {
  const effects = rules.flatMap(effectOf);
  const folders = retentions(instance);
  const known = folders.map((retention) => ({ ...retention, ...effectsOn(retention, effects) }));
  const unkept = known.filter(({ deleted }) => deleted === undefined).map(({ folder }) => folder);
  const oldKept = known.filter(({ deleted, old }) => deleted !== undefined && !old).map(({ folder }) => folder);
  const owner = ownerKey(instance.prefix);
  const claim = effects.some(({ prefix, days }) => days !== undefined && owner.startsWith(prefix));
  return {
    faults: [
      ...(unkept.length > 0 ? [`No lifecycle rule deletes the objects of ${unkept.join(', ')}.`] : []),
      ...(oldKept.length > 0 ? [`No lifecycle rule deletes old versions of ${oldKept.join(', ')}.`] : []),
      ...known.flatMap(tooEarly),
      ...(claim ? [`A lifecycle rule deletes ${owner}, the claim of the folder.`] : []),
    ],
    longer: known.flatMap(({ folder, deleted = 0, days }) =>
      deleted > days ? [`${folder} (${deleted} days, by default ${days})`] : [],
    ),
    foreign: effects.some(({ prefix }) => !folders.some(({ folder }) => prefix.startsWith(folder))),
  };
}

/** `deleted`: days until every object is gone. `earliest`: days until the first may go. */
function effectsOn({ folder }: Retention, effects: readonly Effect[]) {
  const covering = effects.filter(({ prefix, whole }) => whole && folder.startsWith(prefix));
  const touching = effects.filter(({ prefix }) => folder.startsWith(prefix) || prefix.startsWith(folder));
  return {
    deleted: least(covering.filter(({ days }) => days !== 0)),
    earliest: least(touching),
    old: covering.some(({ old }) => old),
  };
}

const least = (effects: readonly Effect[]): number | undefined =>
  effects.map(({ days }) => days).reduce((a, b) => (b === undefined || (a !== undefined && a < b) ? a : b), undefined);

function tooEarly({ folder, earliest, needed }: Retention & { earliest: number | undefined }): string[] {
  if (earliest === 0) return [`A lifecycle rule deletes objects of ${folder} on a date.`];
  if (earliest === undefined || earliest >= needed) return [];
  return [
    `A lifecycle rule deletes objects of ${folder} after ${counted(earliest, 'day')}. They are needed for ${needed}.`,
  ];
}

function effectOf({ Status, Filter = {}, Prefix, ...rule }: LifecycleRule): Effect[] {
  const { And = {} } = Filter;
  if (Status !== 'Enabled' || Filter.Tag !== undefined || (And.Tags ?? []).length > 0) return [];
  const { Expiration: { Days, Date: date } = {}, NoncurrentVersionExpiration: old } = rule;
  return [
    {
      prefix: Filter.Prefix ?? And.Prefix ?? Prefix ?? '',
      whole: [Filter, And].every(
        ({ ObjectSizeGreaterThan: least, ObjectSizeLessThan: most }) => least === undefined && most === undefined,
      ),
      days: date === undefined ? Days : 0,
      old: old?.NoncurrentDays !== undefined && (old.NewerNoncurrentVersions ?? 0) === 0,
    },
  ];
}
