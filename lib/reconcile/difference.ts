/** Where what is stored does not agree: what it is about, never what stands in it. */
export interface Difference {
  kind: /** An ended job has no record. */
    | 'record-missing'
    /** A record has no row. */
    | 'record-orphaned'
    /** A record tells of another end than its row (`fields`). */
    | 'record-disagrees'
    /** A dead job has no entry in the DLQ … */
    | 'entry-missing'
    /** … or has one among those that another reader hides for now. */
    | 'entry-hidden'
    /** An entry is of no dead job, or one too many. */
    | 'entry-stray'
    /** SQS moved a message into the DLQ, and the reconciler has not judged it yet. */
    | 'entry-unjudged'
    /** The DLQ is too large to be looked at as a whole. */
    | 'entries-unseen';
  /** The job's id; `message {messageId}` of what is no job yet, the queue's name where it is about all. */
  id: string;
  /** The record's key. */
  key?: string;
  fields?: string[];
}
