// Ends what a test has opened, for use in a teardown.

export function closeAll(items: Iterable<{ close(): void }>): void {
  for (const item of items) item.close();
}
