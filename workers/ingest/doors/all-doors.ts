// Every HTTP door there is, for the process itself and for whoever describes it.

import type { Mappings } from '../mapping/mapping.ts';
import { alertmanagerDoor } from './alertmanager-door.ts';
import type { Door } from './door.ts';
import { eventsDoor } from './events-door.ts';
import { otlpDoors } from './otlp-door.ts';
import { prometheusDoor } from './prometheus-door.ts';

/** @param decodedBytes most that a compressed body may become */
export const allDoors = (mappings: Mappings, decodedBytes: number): readonly Door[] => [
  eventsDoor(mappings),
  ...otlpDoors(mappings),
  prometheusDoor(mappings, decodedBytes),
  alertmanagerDoor(mappings),
];
