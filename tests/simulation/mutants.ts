import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { Ports } from './ports';
import type { World } from './world';

/** A way in which the code could be wrong, brought about at its edges. */
export interface Mutant {
  name: string;
  ports?: (ports: Ports, world: World) => Ports;
  answer?: (answer: SQSBatchResponse, event: SQSEvent, world: World) => SQSBatchResponse;
}
