/** The parts of Serverless Framework that the plugin uses; the package brings no types for them. */
export interface Serverless {
  classes: { Error: new (message: string, code: string) => Error };
  processedInput: { commands: string[] };
  service: {
    provider: {
      environment?: Environment;
      compiledCloudFormationTemplate: Template;
    };
    functions: Record<string, { environment?: Environment }>;
  };
  getProvider(name: 'aws'): { getStage(): string; naming: { getRoleLogicalId(): string } };
}

export type Environment = Record<string, string>;

export interface Template {
  Resources: Record<string, { Type: string; DependsOn?: string | string[]; Properties?: unknown }>;
}
