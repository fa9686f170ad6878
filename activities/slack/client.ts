import { WebClient, type Logger } from '@slack/web-api';

/**
 * A client for the activities. It does not retry by itself: an attempt that lost Slack's answer must look for its message before it
 * posts again, and Temporal waits better than a process does.
 * @param options.apiUrl For tests; ends with `/api/`.
 * @param options.timeoutMs For one call; shorter than the activity's own timeout.
 */
export function slackClient(options: {
  botToken: string;
  apiUrl?: string;
  timeoutMs?: number;
  logger?: Logger;
}): WebClient {
  return new WebClient(options.botToken, {
    ...(options.apiUrl === undefined ? {} : { slackApiUrl: options.apiUrl }),
    ...(options.logger === undefined ? {} : { logger: options.logger }),
    timeout: options.timeoutMs ?? 10_000,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
  });
}
