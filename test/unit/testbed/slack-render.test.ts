import { describe, expect, test } from '@jest/globals';
import { renderHtml, renderMessage } from '../../../testbed/slack.ts';

const section = (text: string): { blocks: Record<string, unknown>[] } => ({
  blocks: [{ type: 'section', text: { type: 'mrkdwn', text } }],
});
/** What the page shows, without its frame. */
const html = (text: string): string =>
  /<section><div>(.*?)<\/div><\/section>/s.exec(renderHtml(section(text)))?.[1] ?? '';

// docs.slack.dev/messaging/formatting-message-text
describe('mrkdwn', () => {
  test.each([
    ['*bold* _italic_ ~gone~', '<p><b>bold</b> <i>italic</i> <s>gone</s></p>', 'bold italic gone'],
    ['file_name_ and 2*3* x', '<p>file_name_ and 2*3* x</p>', 'file_name_ and 2*3* x'],
    ['snake_case_name and 2*3*4', '<p>snake_case_name and 2*3*4</p>', 'snake_case_name and 2*3*4'],
    ['`*raw*`', '<p><code>*raw*</code></p>', '*raw*'],
    ['*bold _both_*', '<p><b>bold <i>both</i></b></p>', 'bold both'],
    ['```\na &lt; b\n  c\n```', '<pre>a &lt; b\n  c</pre>', '    a < b\n      c'],
    ['&gt; quoted\nplain', '<blockquote>quoted</blockquote><p>plain</p>', '│ quoted\nplain'],
    [
      '<https://a.test/?x=1&amp;y=2|kit>',
      '<p><a href="https://a.test/?x=1&amp;y=2">kit</a></p>',
      'kit (https://a.test/?x=1&y=2)',
    ],
    [
      '<@U1> <#C1|ops> <!here>',
      '<p><span class="mention">@U1</span> <span class="mention">#ops</span> <span class="mention">@here</span></p>',
      '@U1 #ops @here',
    ],
    ['<!date^1700000000^{date_short}|14 Nov>', '<p>14 Nov</p>', '14 Nov'],
    ['&lt;b&gt; &amp;amp;', '<p>&lt;b&gt; &amp;amp;</p>', '<b> &amp;'],
  ])('%j', (given, page, terminal) => {
    expect(html(given)).toBe(page);
    expect(renderMessage(section(given))).toBe(terminal);
  });
});

test('what a detector sent runs nothing and moves no cursor', () => {
  const hostile =
    '<script>alert(1)</script> "\'&lt;img src=x onerror=alert(1)&gt; <javascript:alert(1)|click>';
  expect(renderHtml({ text: hostile })).not.toMatch(/<script|<img|href="javascript/i);
  expect(renderMessage({ text: 'a\u001b[2Jb\u202ec\rd' })).toBe('a\uFFFD[2Jb\uFFFDc\uFFFDd');
});

const plain = (text: string): object => ({ type: 'plain_text', text });

test('lines of plain text stay lines on the page', () => {
  const page = renderHtml({ blocks: [{ type: 'section', text: plain('one\n<two>') }] });
  expect(page).toContain('one<br>&lt;two&gt;');
});

test('every kind of block is shown', () => {
  const message = {
    blocks: [
      { type: 'header', text: plain('Quarantine *shop*') },
      {
        type: 'section',
        fields: [{ type: 'mrkdwn', text: '*Target*\nshop' }],
        accessory: { type: 'button', text: plain('Details') },
      },
      { type: 'divider' },
      {
        type: 'context',
        elements: [
          { type: 'mrkdwn', text: 'by _falco_' },
          { type: 'image', alt_text: 'logo' },
        ],
      },
      {
        type: 'actions',
        elements: [
          { type: 'button', style: 'primary', text: plain('Approve') },
          { type: 'button', style: 'danger', text: plain('Reject') },
        ],
      },
    ],
  };
  expect(renderMessage(message).split('\n')).toEqual([
    '== Quarantine *shop* ==',
    'Target',
    'shop',
    '[ Details ]',
    '─'.repeat(40),
    'by falco · (image: logo)',
    '[ Approve ]  [ Reject ]!',
  ]);
  const page = renderHtml(message);
  for (const part of [
    '<h1>Quarantine *shop*</h1>',
    '<b>Target</b>',
    '<button class="danger">Reject</button>',
    '<hr>',
    'by <i>falco</i>',
  ]) {
    expect(page).toContain(part);
  }
});
