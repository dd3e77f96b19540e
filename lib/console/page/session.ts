import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Session } from '../views';

/** The deployment, for every part of the page. */
export const SessionContext = createContext<Session>({
  instance: '',
  stage: '',
  region: '',
  production: false,
  local: false,
  write: false,
  queues: [],
});

export const useSession = (): Session => useContext(SessionContext);
