import { RUNS, testFaults, testPairs } from './one-fault';

testFaults(RUNS, { faults: 'every' });

testPairs({ every: 2_000 });
