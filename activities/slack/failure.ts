import { ErrorCode, type WebAPICallError } from '@slack/web-api';
import { ApplicationFailure } from '@temporalio/common';

/** What an operator must do before the same call can succeed; any other of Slack's errors is worth another try. */
const fixes: { [error: string]: string } = {
  channel_not_found:
    'the channel does not exist, or it is private and the app is not in it: check policy.channel, and invite the app',
  not_in_channel: 'the app is not in the channel: invite it',
  is_archived: 'the channel is archived: choose another in policy.channel',
  invalid_auth: 'the bot token is not valid: set the one that Slack shows under OAuth & Permissions',
  not_authed: 'no bot token was sent: set it',
  account_inactive: 'the app was uninstalled or its bot deactivated: install it again and set the new token',
  token_revoked: 'the bot token was revoked: install the app again and set the new token',
  token_expired: 'the bot token has expired: turn token rotation off for this app, and set the new token',
  org_login_required: 'the workspace is being moved to an enterprise: install the app again there',
  access_denied: 'an administrator forbids this to the app: have it approved',
  ekm_access_denied: 'an administrator has suspended posting: have it resumed',
  missing_scope:
    'the app lacks a scope: add those of the manifest in docs/guides/slack.md, and install it again',
  no_permission: 'the app may not do this: compare its scopes with docs/guides/slack.md',
  not_allowed_token_type: 'this is not a bot token: it must begin with xoxb-',
  restricted_action: 'the workspace does not let the app post there: ask its administrator',
  message_not_found: 'somebody has deleted the message',
  thread_not_found: 'somebody has deleted the message',
  cant_update_message: 'the message was posted by another app',
  edit_window_closed: 'the workspace no longer lets this message be edited',
  invalid_blocks: 'Slack does not take the message as it was built: report this',
  msg_too_long: 'Slack does not take the message as it was built: report this',
  msg_blocks_too_long: 'Slack does not take the message as it was built: report this',
  invalid_arguments: 'Slack does not take the message as it was built: report this',
};

const slackFailure = 'Slack';

/** Slack's error code when its API refused the call. */
export function platformError(error: unknown): string | undefined {
  return isCallError(error) && error.code === ErrorCode.PlatformError ? error.data.error : undefined;
}

/**
 * A failed call as Temporal should see it: not retryable with the fix when only a person can help, after Slack's own delay when
 * it limits the rate, retryable otherwise. Built from the code alone, so that nothing of the request gets into a history.
 */
export function asFailure(method: string, error: unknown): ApplicationFailure {
  if (!isCallError(error)) throw error;
  const failure = (message: string, more: { nonRetryable?: boolean; nextRetryDelay?: number } = {}) =>
    ApplicationFailure.create({ type: slackFailure, message: `${method}: ${message}`, ...more });
  switch (error.code) {
    case ErrorCode.PlatformError: {
      const code = error.data.error.slice(0, 60);
      const fix = Object.hasOwn(fixes, code) ? fixes[code] : undefined;
      if (fix !== undefined) return failure(`FB1301: Slack says ${code}: ${fix}`, { nonRetryable: true });
      return failure(`FB1302: Slack says ${code}`);
    }
    case ErrorCode.RateLimitedError:
      return failure(`FB1303: Slack limits the rate, again in ${error.retryAfter} s`, {
        nextRetryDelay: error.retryAfter * 1_000,
      });
    case ErrorCode.HTTPError:
      return failure(`FB1302: Slack answered with HTTP ${error.statusCode}`);
    case ErrorCode.RequestError:
  }
  return failure('FB1302: Slack could not be reached, or did not answer in time');
}

function isCallError(error: unknown): error is WebAPICallError {
  const codes: readonly unknown[] = [
    ErrorCode.PlatformError,
    ErrorCode.RateLimitedError,
    ErrorCode.HTTPError,
    ErrorCode.RequestError,
  ];
  return error instanceof Error && 'code' in error && codes.includes(error.code);
}
