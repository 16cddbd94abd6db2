import { HTML, SCRIPT, STYLE } from './bundled.js';

export interface PageSettings {
  readonly title: string;
  /** Allows this answer's style and script, and no others. */
  readonly nonce: string;
  /** The page sends it along with a request that changes something. */
  readonly token: string;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** The whole page: nothing else is loaded for it. */
export function pageOf({ title, nonce, token }: PageSettings): string {
  const texts: Readonly<Record<string, string>> = {
    '{{title}}': escaped(title),
    '{{token}}': escaped(token),
    '<!-- style -->': `<style nonce="${escaped(nonce)}">${STYLE}</style>`,
    '<!-- script -->': `<script nonce="${escaped(nonce)}">${SCRIPT}</script>`,
  };
  return HTML.replaceAll(/\{\{\w+\}\}|<!-- \w+ -->/g, (place) => texts[place] ?? '');
}

/** Nothing but the page itself may be loaded, run, sent to or framed. */
export function policyOf(nonce: string): string {
  return [
    `default-src 'none'`,
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    `connect-src 'self'`,
    `img-src data:`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
  ].join('; ');
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}
