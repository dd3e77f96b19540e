import { chosenInstance } from '../instances/choose';
import { importSettings } from '../instances/import';
import { instanceNames, readInstance } from '../instances/read';
import type { Run } from './command';
import { deploymentProblems } from './configuration';
import { tableText } from './text';

/** What `sls instances …` does. */
export const instancesRuns = {
  instances: async ({ out }) => {
    const cells = instanceNames().map((name) => {
      const { stage, account = '', region, bucket, prefix, rows } = readInstance(name);
      return [name, stage, account, region, `${bucket}/${prefix}`, rows.map((row) => row.name).join(' ')];
    });
    for (const line of tableText(['INSTANCE', 'STAGE', 'ACCOUNT', 'REGION', 'FOLDER', 'QUEUES'], cells)) out.line(line);
  },

  'instances import': async ({ options, out }) => {
    const { file, written, instance } = importSettings(chosenInstance(options));
    out.line(`${instance.file} has ${written} settings of ${file} now. Read it, commit it, and delete ${file}.`);
    for (const problem of deploymentProblems(instance, [])) out.note(problem);
  },
} satisfies Record<string, Run>;
