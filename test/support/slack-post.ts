import type { WebClient } from '@slack/web-api';

/** Posts a message, untyped so that a test can also post what Slack refuses. Its `ts`. */
export async function postMessage(client: WebClient, args: object): Promise<string> {
  const answer = await client.apiCall('chat.postMessage', { ...args });
  if ('ts' in answer && typeof answer.ts === 'string') return answer.ts;
  throw new Error('chat.postMessage answered without a ts');
}
