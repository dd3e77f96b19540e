/** What the console's server answers, for the server and the page. The page imports types only. */

/** The deployment of a console, and what it may do. */
export interface Session {
  instance: string;
  stage: string;
  region: string;
  /** Whether it counts as production: a red frame, and the instance's name typed before bulk work. */
  production: boolean;
  /** Whether it is the service on this machine, with fake vendors. */
  local: boolean;
  /** Whether actions are allowed. */
  write: boolean;
  queues: string[];
}
