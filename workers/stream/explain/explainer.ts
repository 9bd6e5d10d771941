// Answers one question about a filter: the last events of its topic, then a trial on them.

import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError, type MdsErrorCode } from '../../../schemas/errors.ts';
import type { ExplainAnswer, ExplainRequest } from '../../../schemas/explain-messages.ts';
import type { EventSample, EventSampler } from './event-sampler.ts';
import type { ExplainThread, MeasureAnswer } from './explain-task.ts';

export interface ExplainerOptions {
  /** Connects when it is asked first. */
  readonly sampler: () => Promise<Pick<EventSampler, 'sample'>>;
  readonly thread: Pick<ExplainThread, 'measure'>;
  readonly topic: (topicId: number) => Promise<CatalogTopic | undefined>;
}

export class Explainer {
  readonly #options: ExplainerOptions;

  constructor(options: ExplainerOptions) {
    this.#options = options;
  }

  /** What cannot be done is said in the answer; anything thrown is a bug. */
  async answer(request: ExplainRequest): Promise<ExplainAnswer> {
    const { requestId } = request;
    try {
      return { requestId, ...(await this.#explain(request)) };
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      return { requestId, found: [], measured: null, problem: problemOf(error) };
    }
  }

  async #explain(request: ExplainRequest): Promise<Omit<ExplainAnswer, 'requestId'>> {
    const { topicId, channel, plan, mandatory, events } = request;
    const { sampler, thread } = this.#options;
    const topic = await this.#options.topic(topicId);
    if (!topic) throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: topicId, hint: '' });
    const sample = await (await sampler()).sample(topic, events, mandatory);
    const isEmpty = sample.picked.length === 0;
    const schemas = isEmpty ? [{ schemaId: topic.schemaId, text: topic.schema }] : sample.schemas;
    const picks = Uint32Array.from(sample.picked.flatMap(({ slab, place, skip }) => [slab, place, skip]));
    const answer = await thread.measure({ schemas, slabs: sample.slabs, picks, topicId, channel, plan, mandatory });
    const noEvents = isEmpty ? problemOf(new MdsError('MDS_EXPLAIN_NO_EVENTS', { topic: topic.name })) : null;
    return {
      found: [...answer.found],
      measured: measuredOn(sample, answer),
      problem: answer.problem ?? noEvents,
    };
  }
}

function measuredOn(sample: EventSample, { measured, records }: MeasureAnswer): ExplainAnswer['measured'] {
  const [newest] = sample.picked;
  const oldest = sample.picked[records - 1];
  if (measured === null || !newest || !oldest) return null;
  return {
    ...measured,
    rejectedRecords: sample.rejectedRecords,
    fromMs: oldest.timestampMs,
    toMs: newest.timestampMs,
    endedBy: records < sample.picked.length ? 'time' : sample.endedBy,
  };
}

const problemOf = ({ code, message }: MdsError): { code: MdsErrorCode; message: string } => ({ code, message });
