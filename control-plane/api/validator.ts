// Checks requests: as at every REST API of the project.

export { compileValidator } from '../../platform/rest-validator.ts';
