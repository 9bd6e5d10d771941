// The form that asks for a key where the service wants to know who is there, and the name of who is signed in.

import type { WhoAmI } from '../../schemas/api/identity.ts';
import { MdsError } from '../../schemas/errors.ts';
import { bearerFetch } from '../library/bearer-fetch.ts';
import { IdentityClient } from '../library/identities.ts';
import { byId } from './dom.ts';
import { forgetKey, keepKey } from './session.ts';

/** @param key null: nobody in particular @throws MdsError `MDS_UNAUTHENTICATED` when the service wants to know, or knows no such key */
export const whoIs = (key: string | null): Promise<WhoAmI> =>
  new IdentityClient(location.origin, bearerFetch(key)).whoami();

/** Asks until a key is good; then the page starts again, with it. @param problem why it asks, '' at first */
export function askForKey(problem: string): void {
  const dialog = byId('sign-in', HTMLDialogElement);
  if (dialog.open) return;
  const input = byId('sign-in-key', HTMLInputElement);
  byId('sign-in-form', HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    void trySignIn(input);
  };
  dialog.oncancel = (event) => event.preventDefault(); // Escape: behind it there is nothing to see
  input.oninput = () => showProblem('');
  showProblem(problem);
  dialog.showModal();
  input.focus();
}

async function trySignIn(input: HTMLInputElement): Promise<void> {
  const button = byId('sign-in-button', HTMLButtonElement);
  button.disabled = true;
  try {
    const key = input.value.trim();
    if (!/^[\x21-\x7e]+$/.test(key)) throw new MdsError('MDS_UNAUTHENTICATED'); // it does not fit into a header
    await whoIs(key);
    keepKey(key);
    location.reload();
  } catch (error) {
    if (!(error instanceof MdsError)) throw error;
    showProblem(error.code === 'MDS_UNAUTHENTICATED' ? 'The service does not know this key.' : error.message);
    input.select();
  } finally {
    button.disabled = false;
  }
}

function showProblem(text: string): void {
  byId('sign-in-problem', HTMLParagraphElement).textContent = text;
  byId('sign-in-key', HTMLInputElement).setAttribute('aria-invalid', String(text !== ''));
}

/** Nothing is shown while authentication is off. */
export function showWho({ kind, tenant, subject }: WhoAmI): void {
  if (kind === 'open') return;
  byId('who', HTMLSpanElement).textContent = tenant;
  byId('who', HTMLSpanElement).title = `${subject} of tenant ${tenant}`;
  byId('session', HTMLDivElement).hidden = false;
  byId('sign-out', HTMLButtonElement).onclick = () => {
    forgetKey();
    location.reload();
  };
}
