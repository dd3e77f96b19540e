import { PermanentError } from '../errors';

/** An app that an instance may change. `group`: only this group of the app. */
export interface AllowedApp {
  app: string;
  group?: string | undefined;
}

/**
 * Refuses an app or a group that the instance does not list. One team's key reaches all apps of the team, also those of
 * other clients. An empty list allows everything. An app without a group allows all its groups. Throws a PermanentError.
 */
export function checkApp(allowed: readonly AllowedApp[], data: { app: string; groups?: readonly string[] }): void {
  const listed = allowed.filter(({ app }) => app === data.app);
  if (allowed.length > 0 && listed.length === 0) throw notAllowed('app', 'AppNotAllowed');
  if (listed.length === 0 || listed.some(({ group }) => group === undefined)) return;
  // Without groups, the job is about the whole app.
  const groups = data.groups ?? [undefined];
  if (!groups.every((id) => listed.some(({ group }) => group === id))) throw notAllowed('groups', 'GroupNotAllowed');
}

const notAllowed = (field: string, code: string): PermanentError =>
  new PermanentError({ code, message: `data.${field}: is not in the list of this instance`, field: `data.${field}` });
