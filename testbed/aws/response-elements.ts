/** Under which name, and with which elements, CloudTrail shows what a call made. Secrets are not among them. */
const shown: {
  readonly [action: string]: readonly (readonly [under: string, elements: readonly string[]])[];
} = {
  CreateUser: [['user', ['userName', 'userId', 'arn']]],
  CreateRole: [['role', ['roleName', 'roleId', 'arn']]],
  CreateAccessKey: [['accessKey', ['userName', 'accessKeyId', 'status']]],
  CreateLoginProfile: [['loginProfile', ['userName']]],
  CreatePolicy: [['policy', ['policyName', 'policyId', 'arn']]],
  AssumeRole: [
    ['credentials', ['accessKeyId', 'expiration']],
    ['assumedRoleUser', ['assumedRoleId', 'arn']],
  ],
  GetSessionToken: [['credentials', ['accessKeyId', 'expiration']]],
};

/** By name, what was made, by its elements. */
export interface Elements {
  [under: string]: { [element: string]: string };
}

/** CloudTrail's `responseElements` of a call; undefined where it has none. */
export function responseElements(action: string, leaves: ReadonlyMap<string, string>): Elements | undefined {
  const parts = shown[action];
  if (parts === undefined) return undefined;
  return Object.fromEntries(
    parts.map(([under, elements]) => [
      under,
      Object.fromEntries(
        elements.flatMap((name) => {
          const value = leaves.get(name.charAt(0).toUpperCase() + name.slice(1));
          return value === undefined ? [] : [[name, value]];
        }),
      ),
    ]),
  );
}
