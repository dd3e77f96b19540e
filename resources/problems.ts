/**
 * What is wrong with serverless.yml, one line per problem. Serverless prints `stack` where there is one, so that of
 * this error is its message: the frames of a generator tell a user nothing.
 */
export class ConfigurationProblems extends Error {
  override readonly name = 'ConfigurationProblems';

  constructor(problems: string[]) {
    const message = problems.map((problem) => `\n      ${problem}`).join('');
    super(message);
    this.stack = message;
  }
}
