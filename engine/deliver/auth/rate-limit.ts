// Token buckets, one a caller, in a bounded map: who has been quiet longest is forgotten first, with a full bucket.

export interface RateLimit {
  /** One more of this caller: 0, or the milliseconds until there is room again. `nowMs` never runs backwards. */
  readonly take: (id: string, nowMs: number, perSecond?: number) => number;
}

export interface RateLimitOptions {
  /** A bucket holds twice as many. */
  readonly perSecond: number;
  readonly callersMax: number;
}

interface Bucket {
  left: number;
  atMs: number;
}

export function createRateLimit({ perSecond: standard, callersMax }: RateLimitOptions): RateLimit {
  const buckets = new Map<string, Bucket>();

  const bucketOf = (id: string, full: number, nowMs: number): Bucket => {
    const known = buckets.get(id);
    if (known !== undefined) buckets.delete(id);
    else if (buckets.size >= callersMax) buckets.delete(buckets.keys().next().value as string);
    const bucket = known ?? { left: full, atMs: nowMs };
    buckets.set(id, bucket);
    return bucket;
  };

  return {
    take: (id, nowMs, perSecond = standard) => {
      const full = 2 * perSecond;
      const bucket = bucketOf(id, full, nowMs);
      bucket.left = Math.min(full, bucket.left + ((nowMs - bucket.atMs) / 1_000) * perSecond);
      bucket.atMs = nowMs;
      if (bucket.left >= 1) {
        bucket.left--;
        return 0;
      }
      return Math.ceil(((1 - bucket.left) / perSecond) * 1_000);
    },
  };
}
