import { dropLists } from '../emails/campaigns/drop-lists';
import { judgeDeadLetters } from './dead-letters';
import { dropFiles } from './drop-files';
import { cancelUnsent, completeEnds, dropBodies, endExpired, noteGoneEntries, noticeOld, publishUnsent } from './ends';
import { foldEvidence } from './fold-evidence';
import { gaugeHeld } from './gauges';
import { releasePaused } from './paused';
import { releasePlanned } from './planned';
import { releaseDue, releaseTrials } from './release';
import type { ReconcileRun, Work } from './run';
import { tellDead } from './tell-dead';

/** Each kind of work on a queue. The names also appear in the log of failures. */
const WORK: Record<string, Work> = {
  foldEvidence,
  releasePlanned,
  releaseDue,
  releasePaused,
  completeEnds,
  cancelUnsent,
  endExpired,
  noticeOld,
  noteGoneEntries,
  publishUnsent,
  dropBodies,
  dropFiles,
  judgeDeadLetters,
  gaugeHeld,
  tellDead,
};

/** A kind of work, on one queue or on the whole instance. */
export interface Part {
  kind: string;
  queue?: string;
  work: (deps: ReconcileRun, mayGoOn: () => boolean) => Promise<void>;
}

/**
 * Lists all work, starting with the part that got no time in the last run. The trial call comes before other releases,
 * because a queued message would delay it.
 */
export function partsFrom(queueNames: readonly string[], next: string | undefined): Part[] {
  const ofQueues = queueNames.flatMap((queue) =>
    Object.entries(WORK).map(([kind, work]) => ({
      kind,
      queue,
      work: (deps: ReconcileRun, mayGoOn: () => boolean) => work(deps, queue, mayGoOn),
    })),
  );
  const parts: Part[] = [
    { kind: 'releaseTrials', work: releaseTrials },
    ...ofQueues,
    { kind: 'dropLists', work: dropLists },
  ];
  const first = Math.max(
    0,
    parts.findIndex((part) => nameOf(part) === next),
  );
  return [...parts.slice(first), ...parts.slice(0, first)];
}

export const nameOf = ({ kind, queue = '' }: Pick<Part, 'kind' | 'queue'>): string => `${queue} ${kind}`;
