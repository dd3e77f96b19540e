import type { Run } from './command';

/** The code of `sls producer …`. */
export const producerRuns = {
  'producer env': async ({ out, target, producer }) => {
    const { settings, aws } = await producer();
    const { instance, region } = target;
    // A quote in the bucket's prefix would end the value.
    const quoted = settings.replaceAll("'", '\\u0027');
    const variables = { JOBS_INSTANCE: instance, AWS_REGION: region, JOBS_SETTINGS: quoted, ...aws };
    for (const [name, value] of Object.entries(variables)) out.line(`${name}='${value}'`);
  },
} satisfies Record<string, Run>;
