/** What a Dockerfile copies from the project: each source of each COPY that is not from another stage. */
export function copies(dockerfile: string): string[] {
  return dockerfile
    .split('\n')
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap((line) => line.split(/\s+/).slice(1, -1));
}
