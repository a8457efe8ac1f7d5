/** Headers for calls of an engine that asks who calls: NBA_TOKEN is a token or an API key; unset, none is shown. */
export function tokenHeaders(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const shown = env["NBA_TOKEN"] ?? "";
  return shown === "" ? {} : { authorization: `Bearer ${shown}` };
}
