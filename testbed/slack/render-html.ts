import { elementsOf } from './blocks.ts';
import { parseMrkdwn, unescape } from './mrkdwn.ts';
import { richTextParts } from './rich-text.ts';
import { isObject, objectsOf, textOf } from './types.ts';
import type { Inline, Part } from './mrkdwn.ts';
import type { JsonObject } from './types.ts';

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escape = (text: string): string => text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);

const TAGS = { bold: 'b', italic: 'i', strike: 's' } as const;

function inline(part: Inline): string {
  if (part.kind === 'styled') {
    return `<${TAGS[part.style]}>${part.inner.map(inline).join('')}</${TAGS[part.style]}>`;
  }
  if (part.kind === 'code') return `<code>${escape(part.text)}</code>`;
  if (part.kind === 'mention') return `<span class="mention">${escape(part.text)}</span>`;
  if (part.kind !== 'link') return escape(part.text);
  // A page made of a detector's text must not run script: other schemes stay text.
  return /^(https?|mailto):/i.test(part.url)
    ? `<a href="${escape(part.url)}">${escape(part.text)}</a>`
    : escape(part.text);
}

function paragraph(part: Part): string {
  if (part.kind === 'pre') return `<pre>${escape(part.text)}</pre>`;
  const lines = part.lines.map((line) => line.map(inline).join('')).join('<br>');
  return part.kind === 'quote' ? `<blockquote>${lines}</blockquote>` : `<p>${lines}</p>`;
}

const mrkdwn = (text: string): string => parseMrkdwn(text).map(paragraph).join('');

function words(value: unknown): string {
  if (!isObject(value)) return '';
  const text = textOf(value['text']);
  return value['type'] === 'mrkdwn' ? mrkdwn(text) : escape(unescape(text)).replaceAll('\n', '<br>');
}

function control(element: JsonObject): string {
  switch (element['type']) {
    case 'button':
      return `<button class="${escape(textOf(element['style']))}">${words(element['text'])}</button>`;
    case 'image':
      return `<span class="image">${escape(textOf(element['alt_text']))}</span>`;
    default:
      return `<button>${words(element['placeholder']) || escape(textOf(element['type']))} ▾</button>`;
  }
}

function block(one: JsonObject): string {
  switch (one['type']) {
    case 'header':
      return `<h1>${words(one['text'])}</h1>`;
    case 'divider':
      return '<hr>';
    case 'section': {
      const fields = objectsOf(one['fields'])
        .map((field) => `<div>${words(field)}</div>`)
        .join('');
      const accessory = isObject(one['accessory']) ? control(one['accessory']) : '';
      return `<section><div>${words(one['text'])}${fields && `<div class="fields">${fields}</div>`}</div>${accessory}</section>`;
    }
    case 'context':
      return `<div class="context">${objectsOf(one['elements'])
        .map((part) => (part['type'] === 'image' ? control(part) : `<span>${words(part)}</span>`))
        .join('')}</div>`;
    case 'rich_text':
      return richTextParts(one).map(paragraph).join('');
    case 'actions':
      return `<div class="actions">${elementsOf(one).map(control).join('')}</div>`;
    case 'input':
      return `<label>${words(one['label'])} ${elementsOf(one).map(control).join('')}</label>`;
    default:
      return `<p class="image">${escape(textOf(one['alt_text']) || textOf(one['type']))}</p>`;
  }
}

const STYLE = `body{font:15px/1.46 Lato,"Segoe UI",Helvetica,sans-serif;color:#1d1c1d;max-width:680px;margin:24px;overflow-wrap:anywhere}
b.app{font-weight:900}small{color:#616061}h1{font-size:18px;margin:8px 0}p{margin:4px 0}hr{border:0;border-top:1px solid #ddd}
section{display:flex;justify-content:space-between;gap:16px}.fields{display:grid;grid-template-columns:1fr 1fr;gap:8px 16px}
.context{font-size:13px;color:#616061;display:flex;flex-wrap:wrap;gap:8px}.context p{margin:0}.actions{margin:8px 0;display:flex;flex-wrap:wrap;gap:8px}
button{font:bold 15px Lato,sans-serif;padding:6px 12px;border:1px solid #bbb;border-radius:4px;background:#fff;height:fit-content}
button.primary{background:#007a5a;border-color:#007a5a;color:#fff}button.danger{background:#e01e5a;border-color:#e01e5a;color:#fff}
code{background:#f6f6f6;border:1px solid #ddd;border-radius:3px;padding:1px 3px;color:#c01343;font-size:12px}
pre{background:#f6f6f6;border:1px solid #ddd;border-radius:4px;padding:8px;font-size:12px;white-space:pre-wrap}
blockquote{border-left:4px solid #ddd;margin:4px 0;padding-left:12px}.mention{background:#e8f5fa;color:#1264a3}a{color:#1264a3}`;

/** A page that resembles how Slack shows the message, to be read or photographed. Everything in it is escaped. */
export function renderHtml(message: { text?: string; blocks?: JsonObject[] }): string {
  const blocks = message.blocks ?? [];
  const body = blocks.length > 0 ? blocks.map(block).join('\n') : mrkdwn(message.text ?? '');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Slack message</title><style>${STYLE}</style>
<body><b class="app">Firebreak</b> <small>APP</small>
${body}</body></html>\n`;
}
