import { byId, setText } from './dom.js';
import { pathTo } from './paths.js';

const dialog = byId<HTMLDialogElement>('break');
const reason = byId<HTMLInputElement>('break-reason');
const typed = byId<HTMLInputElement>('break-typed');
const submit = byId<HTMLButtonElement>('break-submit');
let asked = { name: '', kind: '' };

/** The only action of the page. It asks for a reason, and for the name once more. */
export function askToBreak(lock: typeof asked, by: string): void {
  asked = lock;
  setText(byId('break-name'), lock.name);
  setText(byId('break-holder'), by === '' ? '' : `Held by ${by}.`);
  setText(byId('break-problem'), '');
  reason.value = '';
  typed.value = '';
  check();
  dialog.showModal();
  reason.focus();
}

export function prepareDialog(): void {
  reason.addEventListener('input', check);
  typed.addEventListener('input', check);
  byId('break-cancel').addEventListener('click', () => dialog.close());
  byId('break-form').addEventListener('submit', (event) => {
    event.preventDefault();
    if (!submit.disabled) void send();
  });
}

function check(): void {
  submit.disabled = reason.value.trim() === '' || typed.value !== asked.name;
}

async function send(): Promise<void> {
  submit.disabled = true;
  const problem = await breakLock(asked, reason.value.trim());
  setText(byId('break-problem'), problem ?? '');
  check();
  if (problem === undefined) dialog.close();
}

/** @returns the problem, if there was one */
async function breakLock(lock: typeof asked, why: string): Promise<string | undefined> {
  const token = document.querySelector<HTMLMetaElement>('meta[name=csrf-token]')?.content ?? '';
  try {
    const response = await fetch(pathTo('break'), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-coordination-token': token },
      body: JSON.stringify({ ...lock, reason: why }),
    });
    if (response.ok) return undefined;
    const { message } = (await response.json()) as { readonly message?: unknown };
    return typeof message === 'string' ? message : `The server refused it (${response.status}).`;
  } catch (error) {
    return `The server could not be asked: ${error instanceof Error ? error.message : String(error)}`;
  }
}
