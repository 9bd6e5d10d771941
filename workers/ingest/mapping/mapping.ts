// The mappings of all doors: the defaults, changed by a mapping file. The file is checked completely when the process starts,
// and everything that is wrong with it is said at once.

import { Check, Errors } from 'typebox/value';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { nearestName } from '../../../schemas/nearest-name.ts';
import { compileMapping, type EventMapper } from './compile.ts';
import { DEFAULT_MAPPING } from './default-mapping.ts';
import { DOOR_FACTS, type DoorName } from './facts.ts';
import { type DoorMapping, FIELD_NAME, MappingFile, Rule } from './rules.ts';

export type Mappings = Readonly<Record<DoorName, () => EventMapper>>;

const DOORS = Object.keys(DOOR_FACTS) as DoorName[]; // its own keys

/**
 * @param text of the mapping file; null: there is none
 * @throws MdsError `MDS_CONFIG_INVALID` with all problems
 */
export function readMappings(text: string | null): Mappings {
  const changes = text === null ? {} : checked(text);
  const entries = DOORS.map((door): [DoorName, () => EventMapper] => {
    const rules = Object.entries({ ...DEFAULT_MAPPING[door], ...changes[door] });
    const kept: DoorMapping = Object.fromEntries(
      rules.flatMap(([field, rule]) => (rule === null ? [] : [[field, rule]])),
    );
    return [door, compileMapping(kept)];
  });
  return Object.fromEntries(entries) as Mappings; // one for each door
}

function checked(text: string): MappingFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid([`it is not JSON: ${reasonOf(error)}`]);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid(['it is not an object of doors']);
  const problems = Object.entries(json).flatMap(([door, fields]) => problemsOfDoor(door, fields));
  if (problems.length > 0) throw invalid(problems);
  if (!Check(MappingFile, json)) throw invalid([...Errors(MappingFile, json)].map(({ message }) => message));
  return json;
}

const invalid = (problems: readonly string[]): MdsError =>
  new MdsError('MDS_CONFIG_INVALID', { problems: problems.map((problem) => `MDS_INGEST_MAPPING_FILE: ${problem}`) });

function problemsOfDoor(door: string, fields: unknown): string[] {
  if (!isDoor(door)) return [`there is no door ${door}${hint(door, DOORS)}`];
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    return [`${door} is not an object of fields`];
  return Object.entries(fields).flatMap(([field, rule]): string[] => {
    const at = `${door}.${field}`;
    if (!new RegExp(FIELD_NAME).test(field)) return [`${at}: no Avro field can have this name`];
    if (rule === null) return [];
    if (!Check(Rule, rule)) {
      return [`${at}: it is neither a list of facts nor {"hash":[…]}, {"join":[…]} or {"from":[…]} for labels`];
    }
    return factNames(rule).flatMap((name) => problemOfFact(door, name).map((problem) => `${at}: ${problem}`));
  });
}

const isDoor = (name: string): name is DoorName => Object.hasOwn(DOOR_FACTS, name);

function factNames(rule: Rule): readonly string[] {
  if (Array.isArray(rule)) return rule.map((source) => (typeof source === 'string' ? source : source.from));
  if ('hash' in rule) return rule.hash;
  return 'join' in rule ? rule.join : rule.from;
}

function problemOfFact(door: DoorName, name: string): string[] {
  if (name.startsWith('=')) return [];
  const { plain, groups } = DOOR_FACTS[door];
  const colon = name.indexOf(':');
  const known: readonly string[] = colon === -1 ? plain : groups;
  const word = colon === -1 ? name : name.slice(0, colon);
  if (known.includes(word)) return [];
  const kind = colon === -1 ? 'fact' : 'group of facts';
  return [`${door} has no ${kind} ${word}${hint(word, known)}; it has ${known.join(', ')}`];
}

function hint(typed: string, known: readonly string[]): string {
  const near = nearestName(typed, known);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}
