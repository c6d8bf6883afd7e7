import type { Middleware } from 'koa';

export type VersionDependencies = {
  readonly apiVersion: string;
  readonly challengeVersion: string;
  readonly sdkVersion: string;
  readonly capabilities: readonly string[];
};

/** `GET /version`: what a bridge may count on. */
export function getVersion(version: VersionDependencies): Middleware {
  const body = {
    api_version: version.apiVersion,
    challenge_version: version.challengeVersion,
    sdk_version: version.sdkVersion,
    capabilities: version.capabilities,
  };
  return (ctx) => {
    ctx.body = body;
  };
}
