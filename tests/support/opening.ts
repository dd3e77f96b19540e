import type { Ledger } from '../../lib/engine/jobs/ledger';
import { tokenOf } from '../../lib/engine/jobs/messages';
import { CLOCK_SKEW_MS } from '../../lib/engine/jobs/row';
import { claimJob, identify } from '../../lib/engine/worker/claim';
import type { Handling } from '../../lib/engine/worker/contract';
import { acceptedRow } from './accepted-row';
import { anEnvelope } from './engine';
import type { memoryClock } from './memory-clock';
import { memoryObjects } from './memory-objects';
import { fifoSettings } from './queue-pair';
import { sampleContract } from './sample-contract';

interface Opening {
  ledger: Ledger;
  clock: ReturnType<typeof memoryClock>;
  /** The token of the lease, which names the run. */
  token?: string;
  /** When the lease begins, ms since 1970. Now by default. */
  at?: number;
  leaseMs?: number;
  /** A second delivery reads the row before it claims. */
  receiveCount?: number;
}

/** Opens the job of `acceptedRow` as a worker does. The claim starts the step `effect`. */
export async function openAccepted(given: Opening) {
  const { ledger, clock, token = 'token', at = clock.now(), leaseMs = 60_000, receiveCount = 1 } = given;
  const message = {
    ...{ messageId: `message of ${token}`, receiptHandle: 'r', queueArn: '', groupId: 'g', receiveCount, sentAt: at },
    body: JSON.stringify(anEnvelope()),
    attributes: tokenOf(acceptedRow(0)),
  };
  const { contract } = sampleContract(undefined, { begins: true });
  const deps = {
    ledger,
    clock: { ...clock, now: () => at },
    objects: memoryObjects(),
    prefix: 'jobs',
    settings: () => fifoSettings,
  };
  const content = await identify(deps, contract.queue, message);
  const deadline = { at: at + leaseMs - CLOCK_SKEW_MS };
  return claimJob({ deps, contract, message, deadline, leaseToken: token } as unknown as Handling, content);
}
