import { DeliveryError } from '../../errors/delivery-error.ts';
import { nearestNames } from '../../naming/nearest-names.ts';
import { formatRepository, type RepositoryName } from '../image-name.ts';
import { isCompanionTag } from '../referrers.ts';
import type { Lack } from './found-image.ts';

/** Names that an error gives as examples. */
const EXAMPLES = 5;

/** Keeps account of what a search saw, so that one that finds nothing can say what there is and why it did not do. */
export class Survey {
  readonly #repository: RepositoryName;
  /** Tags that the patterns did not mean. */
  readonly #leftOut: string[] = [];
  readonly #withoutVersion: string[] = [];
  readonly #lacking = new Map<Lack, string[]>();

  constructor(repository: RepositoryName) {
    this.#repository = repository;
  }

  /** The tags among these that a filter means; those of signatures and the like count for nothing. */
  meant(tags: readonly string[], isMeant: (tag: string) => boolean): readonly string[] {
    const images = tags.filter((tag) => !isCompanionTag(tag));
    this.#leftOut.push(...images.filter((tag) => !isMeant(tag)));
    return images.filter(isMeant);
  }

  noVersions(tags: readonly string[]): void {
    this.#withoutVersion.push(...tags);
  }

  passedOver(tags: readonly string[], lack: Lack): void {
    this.#lacking.set(lack, [...(this.#lacking.get(lack) ?? []), tags[0] ?? 'an untagged one']);
  }

  /** Images that were looked into in vain. */
  get count(): number {
    return [...this.#lacking.values()].flat().length;
  }

  /** @param patterns what tags were to be like */
  async nothing(patterns: readonly string[]): Promise<DeliveryError> {
    const all = this.#leftOut.length + this.#withoutVersion.length + this.count;
    const reasons = [
      ...this.#reason(this.#leftOut, 'left out by tags and excludeTags'),
      ...this.#reason(this.#withoutVersion, 'no semantic version'),
      ...[...this.#lacking].flatMap(([lack, tags]) => this.#reason(tags, lack)),
    ];
    const near = await nearestNames(patterns.join(' '), this.#leftOut);
    const advice = near.length === 0 ? 'Correct the filters.' : `Correct the filters; there are: ${near.join(', ')}.`;
    return new DeliveryError('NO_IMAGE_MATCHES', {
      message: `No image of ${formatRepository(this.#repository)} is as it should be. Of ${counted(all)}: ${reasons.join('; ')}.`,
      remedy: advice,
    });
  }

  #reason(tags: readonly string[], what: string): readonly string[] {
    if (tags.length === 0) return [];
    const more = tags.length > EXAMPLES ? ', …' : '';
    return [`${tags.length} ${what} (${tags.slice(0, EXAMPLES).join(', ')}${more})`];
  }
}

function counted(tags: number): string {
  return tags === 1 ? '1 tag' : `${tags} tags`;
}
