/**
 * The problems of serverless.yml, one per line. Serverless prints an error's `stack`, so the stack of this error is its
 * message. The frames of a generator do not help a user.
 */
export class ConfigurationProblems extends Error {
  override readonly name = 'ConfigurationProblems';

  constructor(problems: string[]) {
    const message = problems.map((problem) => `\n      ${problem}`).join('');
    super(message);
    this.stack = message;
  }
}
