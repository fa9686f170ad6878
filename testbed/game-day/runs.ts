import { z } from 'zod';
import { kubectl } from '../demo/firebreak.ts';
import type { Kubernetes } from '../kubernetes.ts';
import type { Rehearsal } from './rehearsal.ts';
import { imageOf, type StandIns } from './stand-ins.ts';

const template = z.object({ spec: z.object({ containers: z.array(z.object({ image: z.string() })) }) });
const workloads = z.object({
  spec: z.object({
    paused: z.boolean().default(false),
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    template,
  }),
});
const podLists = z.object({
  items: z.array(template.extend({ metadata: z.object({ deletionTimestamp: z.string().optional() }) })),
});

/** What workloads have other images, or pods with other images, than is expected; and which are left paused. */
export async function notRunning(
  kubernetes: Kubernetes,
  expected: Rehearsal['expect']['runs'],
  known: StandIns,
): Promise<string[]> {
  const wrong: string[] = [];
  const read = async (...args: string[]): Promise<unknown> => {
    const asked = ['get', ...args, '-o', 'json'];
    const { code, stdout, stderr } = await kubectl(kubernetes, kubernetes.adminKubeconfig, asked);
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  };
  for (const { namespace, kind, workload, image } of expected) {
    const what = `${kind} ${namespace}/${workload}`;
    const wanted = imageOf(image, known);
    const { spec } = workloads.parse(await read('-n', namespace, kind, workload));
    const labels = Object.entries(spec.selector.matchLabels).map(([label, value]) => `${label}=${value}`);
    const { items } = podLists.parse(await read('-n', namespace, 'pods', '-l', labels.join(',')));
    const pods = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const images = [spec.template, ...pods].flatMap((one) => one.spec.containers.map((each) => each.image));
    const others = [...new Set(images)].filter((each) => each !== wanted);
    if (others.length > 0) wrong.push(`${what} runs ${others.join(', ')}, and not only ${wanted}`);
    if (pods.length === 0) wrong.push(`${what} has no pods`);
    if (spec.paused) wrong.push(`${what} is left paused`);
  }
  return wrong;
}
