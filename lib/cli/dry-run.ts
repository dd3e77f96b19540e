import type { CommandContext } from './command';

export const isDryRun = (options: CommandContext['options']): boolean => options['dry-run'] === true;
