import type { AlarmKind } from '../alarms/kinds';
import type { Behind } from '../jobs/incidents';

/** Collects what is behind the alarms that a run may cause: the job, the reason and the code, for the chat message. */
export interface Noted {
  about(kind: AlarmKind, subject: string, behind: Behind): void;
  all(): { kind: AlarmKind; subject: string; behind: Behind }[];
}

export function createNoted(): Noted {
  const noted: ReturnType<Noted['all']> = [];
  return {
    about: (kind, subject, behind) => void noted.push({ kind, subject, behind }),
    all: () => noted,
  };
}
