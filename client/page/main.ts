// The page: finds out who is there, asks for a key where that is wanted, and shows what happens.

import { MdsError } from '../../schemas/errors.ts';
import { showSignedOut } from './connection-panel.ts';
import { byId } from './dom.ts';
import { LiveView } from './live-view.ts';
import { forgetKey, keptKey } from './session.ts';
import { askForKey, showWho, whoIs } from './sign-in.ts';

const RETRY_MS = 2000;

async function enter(): Promise<void> {
  const key = keptKey();
  try {
    showWho(await whoIs(key));
  } catch (error) {
    if (!(error instanceof MdsError)) throw error;
    if (error.code === 'MDS_UNAUTHENTICATED') {
      leave(key === null ? '' : SIGNED_OUT);
      return;
    }
    byId('events-empty', HTMLParagraphElement).textContent = error.message;
    setTimeout(() => void enter(), RETRY_MS);
    return;
  }
  new LiveView({ key, onRefused: () => leave(SIGNED_OUT) }).start();
}

const SIGNED_OUT = 'The key of this tab is not good any more: it has expired, or somebody has revoked it.';

function leave(reason: string): void {
  forgetKey();
  showSignedOut();
  byId('events-empty', HTMLParagraphElement).textContent = 'Nobody is signed in.';
  askForKey(reason);
}

void enter();
