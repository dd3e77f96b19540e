export interface Target {
  instance: string;
  stage: string;
  region: string;
}

/**
 * A command for people to copy, with the options that select this deployment and no other. Without `--param instance`, a
 * stage means its first instance. The service on this machine has one instance and no region.
 */
export const slsCommand = (text: string, { instance, stage, region }: Target): string =>
  `npx sls ${text} --stage ${stage}${stage === 'local' ? '' : ` --param instance=${instance} --region ${region}`}`;

/** The words of a command for people to copy. A value that a shell or the command could misread is quoted. */
export const words = (parts: TemplateStringsArray, ...values: (string | number)[]): string =>
  String.raw({ raw: parts }, ...values.map((value) => shellWord(String(value))));

const shellWord = (value: string): string =>
  /^[\w.:/@][\w.:/@-]*$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;

/** A stage that is not known to be for tests counts as production. */
const TEST_STAGES = ['local', 'staging'];

/** Whether a change needs the operator's word first. */
export const isProduction = ({ stage }: Pick<Target, 'stage'>): boolean => !TEST_STAGES.includes(stage);
