import { completionOf } from '../../../lib/jobs/record';
import type { Completion, Events } from '../../../lib/ports';
import { completionSchema } from '../../docs/completion-schema';
import { MARK, type Watch } from './watch';

/** The bus of a run. It checks each event when it comes. */
export interface Bus extends Events {
  /** The last event of each id of a queue. A sender in another language may use an id in several queues. */
  published: ReadonlyMap<string, Completion>;
}

export function createBus({
  watch,
  reached,
}: {
  watch: Pick<Watch, 'ends' | 'violated' | 'changed'>;
  reached: (what: string) => void;
}): Bus {
  const published = new Map<string, Completion>();
  return {
    published,
    publish: async (completion) => {
      const { id, job, queue } = completion;
      const ends = watch.ends.get(`${queue}#${job}`) ?? [];
      if (!ends.some((end) => completionOf(end).id === id))
        watch.violated(`everything explained: ${id} is no stored end`);
      if (!completionSchema.safeParse(completion).success)
        watch.violated(`everything explained: the event ${id} breaks its schema`);
      if (JSON.stringify(completion).includes(MARK)) watch.violated(`nothing private: the event ${id} has it`);
      published.set(`${queue}#${id}`, completion);
      reached('event of an end');
      watch.changed();
    },
  };
}
