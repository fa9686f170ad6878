/** Lambda names an operation by method and path. Those that incident response uses, and what a test sets up with. */
const operations: readonly (readonly [method: string, path: RegExp, action: string])[] = [
  ['GET', /^\/2015-03-31\/functions\/?$/, 'ListFunctions'],
  ['POST', /^\/2015-03-31\/functions\/?$/, 'CreateFunction'],
  ['GET', /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)$/, 'GetFunction'],
  ['DELETE', /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)$/, 'DeleteFunction'],
  ['GET', /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/configuration$/, 'GetFunctionConfiguration'],
  ['PUT', /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/configuration$/, 'UpdateFunctionConfiguration'],
  ['PUT', /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/code$/, 'UpdateFunctionCode'],
  ['PUT', /^\/2017-10-31\/functions\/(?<FunctionName>[^/]+)\/concurrency$/, 'PutFunctionConcurrency'],
  ['GET', /^\/2019-09-30\/functions\/(?<FunctionName>[^/]+)\/concurrency$/, 'GetFunctionConcurrency'],
  ['DELETE', /^\/2017-10-31\/functions\/(?<FunctionName>[^/]+)\/concurrency$/, 'DeleteFunctionConcurrency'],
  ['POST', /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/invocations$/, 'InvokeFunction'],
  ['GET', /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/policy$/, 'GetPolicy'],
  ['POST', /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/policy$/, 'AddPermission'],
  [
    'DELETE',
    /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/policy\/(?<StatementId>[^/]+)$/,
    'RemovePermission',
  ],
  ['GET', /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/versions$/, 'ListVersionsByFunction'],
  ['POST', /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/versions$/, 'PublishVersion'],
  ['GET', /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/aliases$/, 'ListAliases'],
  ['POST', /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/aliases$/, 'CreateAlias'],
  ['GET', /^\/2021-10-31\/functions\/(?<FunctionName>[^/]+)\/urls$/, 'ListFunctionUrlConfigs'],
  ['POST', /^\/2021-10-31\/functions\/(?<FunctionName>[^/]+)\/url$/, 'CreateFunctionUrlConfig'],
  ['GET', /^\/2021-10-31\/functions\/(?<FunctionName>[^/]+)\/url$/, 'GetFunctionUrlConfig'],
  ['DELETE', /^\/2021-10-31\/functions\/(?<FunctionName>[^/]+)\/url$/, 'DeleteFunctionUrlConfig'],
  [
    'GET',
    /^\/2019-09-25\/functions\/(?<FunctionName>[^/]+)\/event-invoke-config$/,
    'GetFunctionEventInvokeConfig',
  ],
  ...(
    [
      ['GET', 'GetProvisionedConcurrencyConfig'],
      ['PUT', 'PutProvisionedConcurrencyConfig'],
      ['DELETE', 'DeleteProvisionedConcurrencyConfig'],
    ] as const
  ).map(
    ([method, action]) =>
      [method, /^\/2019-09-30\/functions\/(?<FunctionName>[^/]+)\/provisioned-concurrency$/, action] as const,
  ),
  ['GET', /^\/2017-03-31\/tags\/(?<Resource>.+)$/, 'ListTags'],
  ['GET', /^\/2015-03-31\/event-source-mappings\/?$/, 'ListEventSourceMappings'],
  ['POST', /^\/2015-03-31\/event-source-mappings\/?$/, 'CreateEventSourceMapping'],
  ['GET', /^\/2015-03-31\/event-source-mappings\/(?<UUID>[^/]+)\/?$/, 'GetEventSourceMapping'],
  ['PUT', /^\/2015-03-31\/event-source-mappings\/(?<UUID>[^/]+)\/?$/, 'UpdateEventSourceMapping'],
  ['DELETE', /^\/2015-03-31\/event-source-mappings\/(?<UUID>[^/]+)\/?$/, 'DeleteEventSourceMapping'],
];

/** The operation as IAM names it, with what path and query say; undefined for one that is not in the table. */
export function lambdaOperation(
  method: string,
  url: URL,
): { action: string; params: { [name: string]: string } } | undefined {
  for (const [its, path, action] of operations) {
    const found = its === method ? path.exec(url.pathname) : null;
    if (found === null) continue;
    const params: { [name: string]: string } = Object.fromEntries(url.searchParams);
    for (const [name, value] of Object.entries(found.groups ?? {})) params[name] = decodeURIComponent(value);
    // The list has the path of the reading, and says so in its query.
    if (action === 'GetProvisionedConcurrencyConfig' && params['List'] === 'ALL')
      return { action: 'ListProvisionedConcurrencyConfigs', params };
    return { action, params };
  }
  return undefined;
}
