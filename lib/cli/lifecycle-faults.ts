import type { LifecycleRule } from '@aws-sdk/client-s3';
import { groupBy } from '../group-by';
import type { Instance } from '../instances/instance';
import { ownerKey } from '../jobs/keys';
import { counted } from '../text';
import { OLD_VERSIONS_NEEDED, type Retention, retentions } from './retention';

/** What an enabled rule does to objects without tags. Our objects have none. */
interface Effect {
  prefix: string;
  /** It applies to objects of every size. */
  whole: boolean;
  /** It deletes them after so many days. */
  days: number | undefined;
  /** It deletes every old version. */
  old: boolean;
  /** All ways in which it takes objects and old versions from those who read them. */
  takes: Taking[];
}

interface Taking {
  what: `${'deletes' | 'archives'} ${'objects' | 'old versions'}`;
  days: number;
}

/** Sooner than any number of days. */
const ON_A_DATE = -1;
/** An object in one of these cannot be read until an operator restores it. */
const ARCHIVES: readonly (string | undefined)[] = ['GLACIER', 'DEEP_ARCHIVE'];

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
  const claim = effects.some(
    ({ prefix, takes }) => owner.startsWith(prefix) && takes.some(({ what }) => what.endsWith('objects')),
  );
  return {
    faults: [
      ...(unkept.length > 0 ? [`No lifecycle rule deletes the objects of ${unkept.join(', ')}.`] : []),
      ...(oldKept.length > 0 ? [`No lifecycle rule deletes old versions of ${oldKept.join(', ')}.`] : []),
      ...folders.flatMap((retention) => tooEarly(retention, effects)),
      ...(claim ? [`A lifecycle rule deletes or archives ${owner}, the claim of the folder.`] : []),
    ],
    longer: known.flatMap(({ folder, deleted = 0, days }) =>
      deleted > days ? [`${folder} (${deleted} days, by default ${days})`] : [],
    ),
    foreign: effects.some(({ prefix }) => !folders.some(({ folder }) => prefix.startsWith(folder))),
  };
}

/** `deleted`: days until every object is gone. */
function effectsOn({ folder }: Retention, effects: readonly Effect[]) {
  const covering = effects.filter(({ prefix, whole }) => whole && folder.startsWith(prefix));
  const days = covering.flatMap(({ days = ON_A_DATE }) => (days === ON_A_DATE ? [] : [days]));
  return { deleted: days.length > 0 ? Math.min(...days) : undefined, old: covering.some(({ old }) => old) };
}

function tooEarly({ folder, needed }: Retention, effects: readonly Effect[]): string[] {
  const touching = effects.filter(({ prefix }) => folder.startsWith(prefix) || prefix.startsWith(folder));
  const takings = groupBy(
    touching.flatMap(({ takes }) => takes),
    ({ what }) => what,
  );
  return [...takings].flatMap(([what, all]) => {
    const earliest = Math.min(...all.map(({ days }) => days));
    const least = what.endsWith('objects') ? needed : OLD_VERSIONS_NEEDED;
    if (earliest >= least) return [];
    if (earliest === ON_A_DATE) return [`A lifecycle rule ${what} of ${folder} on a date.`];
    return [`A lifecycle rule ${what} of ${folder} after ${counted(earliest, 'day')}. They are needed for ${least}.`];
  });
}

function effectOf({ Status, Filter = {}, Prefix, ...rule }: LifecycleRule): Effect[] {
  const { And = {} } = Filter;
  if (Status !== 'Enabled' || Filter.Tag !== undefined || (And.Tags ?? []).length > 0) return [];
  const {
    Expiration = {},
    NoncurrentVersionExpiration: old,
    Transitions = [],
    NoncurrentVersionTransitions = [],
  } = rule;
  const archives = ({ StorageClass }: { StorageClass?: string | undefined }) => ARCHIVES.includes(StorageClass);
  return [
    {
      prefix: Filter.Prefix ?? And.Prefix ?? Prefix ?? '',
      whole: [Filter, And].every(
        ({ ObjectSizeGreaterThan: least, ObjectSizeLessThan: most }) => least === undefined && most === undefined,
      ),
      days: daysOf(Expiration),
      old: old?.NoncurrentDays !== undefined && (old.NewerNoncurrentVersions ?? 0) === 0,
      takes: [
        ...taking('deletes objects', daysOf(Expiration)),
        ...taking('deletes old versions', old?.NoncurrentDays),
        ...Transitions.filter(archives).flatMap((to) => taking('archives objects', daysOf(to))),
        ...NoncurrentVersionTransitions.filter(archives).flatMap(({ NoncurrentDays: days }) =>
          taking('archives old versions', days),
        ),
      ],
    },
  ];
}

const daysOf = ({ Days: days, Date: date }: { Days?: number | undefined; Date?: Date | undefined }) =>
  date === undefined ? days : ON_A_DATE;

const taking = (what: Taking['what'], days: number | undefined): Taking[] =>
  days === undefined ? [] : [{ what, days }];
