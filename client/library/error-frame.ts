// Errors as edges and the control plane send them, back as MdsError. The sender's words are kept: it may be newer than this
// library and know details, or whole codes, that are not known here.

import { type ErrorDetails, isMdsErrorCode, MdsError } from '../../schemas/errors.ts';

export function mdsErrorOf(code: string, message: string, details: ErrorDetails = {}): MdsError {
  const error = isMdsErrorCode(code)
    ? new MdsError(code, details)
    : new MdsError('MDS_INTERNAL', { ...details, unknownCode: code });
  error.message = message;
  return error;
}
