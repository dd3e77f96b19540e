/** Why one field is not valid: its path and the rule, never its value. */
export interface Problem {
  field: string;
  message: string;
}

/** The caller's job is not valid (an API's 400). Names all problems at once. Nothing was stored or sent. */
export class InvalidJobError extends Error {
  override readonly name = 'InvalidJobError';

  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(({ message }) => message).join('; '));
  }
}

export const invalid = (field: string, rule: string): InvalidJobError =>
  new InvalidJobError([{ field, message: `${field}: ${rule}` }]);

/** The job belongs to another principal (an API's 404). */
export class JobNotFoundError extends Error {
  override readonly name = 'JobNotFoundError';

  constructor() {
    super('there is no such job');
  }
}

/** The job that was waited for is dead or cancelled. `reason` and `code` say why, and never quote a value. */
export class JobEndedError extends Error {
  override readonly name = 'JobEndedError';

  constructor(
    readonly id: string,
    readonly state: string,
    readonly reason: string | undefined,
    readonly code: string | undefined,
  ) {
    super(`the job is ${state}${reason === undefined ? '' : ` (${reason})`}`);
  }
}

/** The key was used for another job (an API's 409). `id` is that job. Nothing was changed. */
export class IdempotencyConflictError extends Error {
  override readonly name = 'IdempotencyConflictError';

  constructor(
    readonly id: string,
    /** Whether the job was sent. One that was not ends as cancelled, unless its call is repeated. */
    readonly sent = true,
  ) {
    super('the idempotency key was used for a job with other data or another time');
  }
}
