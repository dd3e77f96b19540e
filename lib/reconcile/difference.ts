/** A difference between stored things. It names the job and the fields, never their values. */
export interface Difference {
  kind: /** An ended job has no record. */
    | 'record-missing'
    /** A record has no row. */
    | 'record-orphaned'
    /** A record and its row describe different ends (`fields`). */
    | 'record-disagrees'
    /** A dead job has no entry in the DLQ. */
    | 'entry-missing'
    /** A dead job has no visible entry, but another reader hides messages of the DLQ now. */
    | 'entry-hidden'
    /** An entry belongs to no dead job, or is a second one. */
    | 'entry-stray'
    /** SQS moved a message into the DLQ, and the reconciler has not judged it yet. */
    | 'entry-unjudged'
    /** The DLQ is too large for an audit to see all of it. */
    | 'entries-unseen';
  /** The job's id, `message {messageId}` if its job is unknown, or the queue's name for `entries-unseen`. */
  id: string;
  /** The record's key. */
  key?: string;
  fields?: string[];
}
