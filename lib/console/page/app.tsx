import { useEffect, useState } from 'preact/hooks';
import type { Session } from '../views';
import { ask, takeToken } from './api';

takeToken();

/** The whole page. */
export function App() {
  const [session, setSession] = useState<Session>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    ask<Session>('session').then(setSession, (failure: Error) => setError(failure.message));
  }, []);
  if (error) return <p role="alert">{error}</p>;
  if (!session) return <p>Loading …</p>;
  return <h1>{session.instance}</h1>;
}
