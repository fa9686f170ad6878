/** Options that every command takes, before or after its name. */
export interface GlobalOptions {
  config: string;
  json?: boolean;
  url: string;
  tokenFile?: string;
}
