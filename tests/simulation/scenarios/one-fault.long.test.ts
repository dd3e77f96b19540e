import { insistent, testEveryFault } from './one-fault';

// Of a queue that no instance can configure: its batches have several jobs with rows.
testEveryFault({
  'a batch with a job that kills its process': {
    queue: 'bulk',
    batch: 10,
    jobs: insistent('good', ['kills-after', { group: 1 }], ['good', { group: 2 }]),
  },
  'a batch with a body that kills its process': {
    queue: 'bulk-standard',
    batch: 10,
    jobs: insistent('good', 'kills-before', 'falters'),
    mostCalls: 60,
  },
});
