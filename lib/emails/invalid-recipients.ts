/** The list of recipients is invalid as a whole. The message names the rule and the place, never a value. */
export class InvalidRecipientsError extends Error {
  override readonly name = 'InvalidRecipientsError';
}
