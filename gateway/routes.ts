import { z } from 'zod';
import { severities, type Alert, type Severity } from '../domain/alert.ts';
import { modes, type Mode } from '../domain/decision.ts';
import { FirebreakError } from '../domain/errors.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import { faultsIn, readDocument, type Source } from '../language/compile/document.ts';
import { bindInputs } from '../language/compile/inputs.ts';
import { suggest, type Fault, type Path } from '../language/compile/problem.ts';
import { parseTemplate, type Found, type Unterminated } from '../language/compile/template.ts';
import { createEvaluator, ExpressionError, type Program } from '../language/run/cel.ts';
import { isRequired } from '../language/run/inputs.ts';
import type { CompiledPlaybook, Template } from '../language/run/playbook.ts';
import { incidentKey, type OpeningRequest } from './opening.ts';
import { Problem } from './problem.ts';

const text = z.string().min(1).max(4_096);

/** `routes.yaml`: which alert starts which playbook. The first that matches wins. */
const routesSchema = z
  .array(
    z.strictObject({
      name: z.string().min(1).max(100),
      /** CEL over `alert`; true or false. */
      match: text,
      /** Playbook id. */
      playbook: text,
      /** Templates over `alert`, by input name. */
      inputs: z.record(z.string(), z.json()).default({}),
      mode: z.enum(modes).default('approve'),
      /** Slack channel id, in place of the configured one. */
      channel: z
        .string()
        .regex(/^[CG][A-Z0-9]+$/, 'must be a channel id such as C012AB3CD')
        .optional(),
      /** Template over `alert`: what alerts of one incident share. Default: the inputs. */
      key: text.optional(),
      severity: z.enum(severities).optional(),
    }),
  )
  .max(1_000);

export interface Route {
  name: string;
  /** What the alert asks for; undefined when this route is not for it. @throws Problem FB1209, FB1210 */
  open(alert: Alert): OpeningRequest | undefined;
}

/** FB1605: the file with its faults, a line each. */
export class RoutesInvalid extends FirebreakError {
  readonly problems: readonly Fault[];

  constructor(problems: readonly Fault[]) {
    const lines = problems.map(
      ({ file, line, column, field, message, fix }) =>
        `${file}:${line}:${column}: ${field}: ${message} (${fix})`,
    );
    super('FB1605', `the routes are not valid\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

const evaluator = createEvaluator(['alert']);

/**
 * Reads and checks `routes.yaml` against the playbooks there are.
 * @throws RoutesInvalid with every fault found
 */
export function compileRoutes(
  { file, text }: { file: string; text: string },
  playbooks: ReadonlyMap<string, CompiledPlaybook>,
): Route[] {
  const fault = faultsIn(file, text);
  const reading = readDocument(text);
  if ('findings' in reading)
    throw new RoutesInvalid(reading.findings.map((found) => fault(found, found.offset ?? 0)));
  const { source } = reading;
  const parsed = routesSchema.safeParse(source.value);
  if (!parsed.success) {
    throw new RoutesInvalid(
      parsed.error.issues.map((issue) => {
        const path = issue.path.filter((part) => typeof part !== 'symbol');
        return fault({ path, message: issue.message, fix: shapeFix(issue) }, source.offsetOf(path));
      }),
    );
  }
  const checker = new Checker(source, fault);
  const names = new Set<string>();
  const routes = parsed.data.map((route, index): Route | undefined => {
    if (names.has(route.name))
      checker.fault([index, 'name'], 'another route has this name', 'choose another');
    names.add(route.name);
    const playbook = playbooks.get(route.playbook);
    if (playbook === undefined) {
      checker.fault(
        [index, 'playbook'],
        'there is no such playbook',
        suggest(route.playbook, playbooks.keys()),
      );
      return undefined;
    }
    const match = checker.expression(route.match, [index, 'match'], 0);
    const inputs = new Map<string, Rendered>();
    for (const [name, value] of Object.entries(route.inputs)) {
      const path = [index, 'inputs', name];
      if (!Object.hasOwn(playbook.playbook.inputs, name)) {
        checker.fault(
          path,
          'the playbook has no such input',
          suggest(name, Object.keys(playbook.playbook.inputs)),
        );
      }
      inputs.set(name, checker.template(value, path));
    }
    for (const [name, declaration] of Object.entries(playbook.playbook.inputs)) {
      if (isRequired(declaration) && !inputs.has(name)) {
        checker.fault([index, 'inputs'], `the playbook needs the input "${name}"`, `add ${name} here`);
      }
    }
    const key = route.key === undefined ? undefined : checker.template(route.key, [index, 'key']);
    if (match === undefined) return undefined;
    return compiled({ ...route, match, inputs, key, playbook });
  });
  if (checker.problems.length > 0) throw new RoutesInvalid(checker.problems);
  return routes.filter((route) => route !== undefined);
}

type Rendered = (scope: JsonObject) => Json;

interface CompiledRoute {
  name: string;
  match: Program;
  playbook: CompiledPlaybook;
  inputs: ReadonlyMap<string, Rendered>;
  mode: Mode;
  key: Rendered | undefined;
  channel?: string | undefined;
  severity?: Severity | undefined;
}

function compiled({ name, match, playbook, inputs, mode, key, channel, severity }: CompiledRoute): Route {
  const valued = <T>(field: string, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      throw new Problem(
        422,
        'FB1209',
        `route "${name}": \`${field}\` has no value for this alert; correct the route`,
      );
    }
  };
  return {
    name,
    open(alert) {
      const scope: JsonObject = { alert: { ...alert, raw: { ...alert.raw } } };
      const matches = valued('match', () => match.run(scope));
      if (typeof matches !== 'boolean') {
        throw new Problem(
          422,
          'FB1209',
          `route "${name}": \`match\` is neither true nor false; correct the route`,
        );
      }
      if (!matches) return undefined;
      const given = Object.fromEntries(
        [...inputs].map(
          ([input, render]) => [input, valued(`inputs.${input}`, () => render(scope))] as const,
        ),
      );
      const bound = boundInputs(playbook, given, `route "${name}": `);
      const about =
        key === undefined
          ? bound
          : keyText(
              name,
              valued('key', () => key(scope)),
            );
      return {
        key: incidentKey(playbook.playbook.id, about, mode),
        title: `${alert.rule} in ${alert.cluster}/${alert.namespace}`,
        severity: severity ?? alert.severity,
        mode,
        alert,
        playbook,
        inputs: bound,
        ...(channel === undefined ? {} : { channel }),
        requester: alert.owner,
      };
    },
  };
}

/** @throws Problem FB1210 naming each input that does not fit */
export function boundInputs(playbook: CompiledPlaybook, given: JsonObject, prefix = ''): JsonObject {
  const bound = bindInputs(playbook.playbook, given);
  if ('ok' in bound) return bound.ok;
  const said = bound.problems.map(({ field, message, fix }) => `${field}: ${message} (${fix})`).join('; ');
  throw new Problem(422, 'FB1210', `${prefix}${said}`.slice(0, 2_000));
}

function keyText(route: string, value: Json): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new Problem(
    422,
    'FB1209',
    `route "${route}": \`key\` must yield a text that is not empty; correct the route`,
  );
}

class Checker {
  readonly problems: Fault[] = [];
  readonly #source: Source;
  readonly #fault: ReturnType<typeof faultsIn>;

  constructor(source: Source, fault: ReturnType<typeof faultsIn>) {
    this.#source = source;
    this.#fault = fault;
  }

  fault(path: Path, message: string, fix: string, offset = this.#source.offsetOf(path)): void {
    this.problems.push(this.#fault({ path, message, fix }, offset));
  }

  expression(cel: string, path: Path, index: number): Program | undefined {
    try {
      return evaluator.parse(cel);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      const offset = this.#source.offsetIn(path, index + (error.range?.start ?? 0));
      const fix =
        error.unknown === undefined
          ? 'correct the expression'
          : suggest(error.unknown.name, error.unknown.known);
      this.fault(path, error.reason, fix, offset);
      return undefined;
    }
  }

  template(value: Json, path: Path): Rendered {
    const found: Found[] = [];
    const broken: Unterminated[] = [];
    const template = parseTemplate(value, path, found, broken);
    for (const { path: at, index } of broken) {
      this.fault(at, 'an expression is not closed', 'end it with }}', this.#source.offsetIn(at, index));
    }
    for (const { cel, path: at, index } of found) this.expression(cel, at, index);
    return (scope) => fill(template, scope);
  }
}

function fill(template: Template, scope: JsonObject): Json {
  if ('literal' in template) return template.literal;
  if ('cel' in template) return evaluator.parse(template.cel).run(scope);
  if ('list' in template) return template.list.map((item) => fill(item, scope));
  if ('map' in template) {
    return Object.fromEntries(
      Object.entries(template.map).map(([key, item]) => [key, fill(item, scope)] as const),
    );
  }
  return template.concat.map((part) => textOf(fill(part, scope))).join('');
}

function textOf(value: Json): string {
  if (typeof value === 'object')
    throw new ExpressionError('', 'a list, a map or null cannot stand inside a text');
  return String(value);
}

function shapeFix(issue: z.core.$ZodIssue): string {
  return issue.code === 'unrecognized_keys'
    ? `remove ${issue.keys.map((key) => `"${key}"`).join(', ')}`
    : 'see the reference of routes.yaml';
}
