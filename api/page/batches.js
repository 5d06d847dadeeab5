/* Many posts as requests of the size that the service takes. */

const MOST = 100; // so that the first answers are seen soon
const ENVELOPE_BYTES = 200;

const encoder = new TextEncoder();
export const bytesOf = (value) => encoder.encode(JSON.stringify(value)).length;

/* Parts in order; what is too large for a request stands in one alone, for the service to refuse. */
export function* batches(entries, limits, size) {
  const most = Math.min(MOST, limits.max_posts);
  let batch = [], bytes = ENVELOPE_BYTES;
  for (const entry of entries) {
    const more = size(entry) + 1;
    if (batch.length && (batch.length === most || bytes + more > limits.max_body_bytes)) {
      yield batch;
      [batch, bytes] = [[], ENVELOPE_BYTES];
    }
    batch.push(entry);
    bytes += more;
  }
  if (batch.length) yield batch;
}
