import type {
  App,
  AckFn,
  RespondFn,
  SlackViewMiddlewareArgs,
  ViewResponseAction,
  ViewSubmitAction,
} from '@slack/bolt';
import type { WebClient } from '@slack/web-api';
import type { FastifyBaseLogger } from 'fastify';
import type { AccessLog } from '../../domain/access-log.ts';
import type { Person } from '../../domain/person.ts';
import { cancellations } from '../../domain/decision.ts';
import type { Digest } from '../../domain/json.ts';
import { slackActions, type GateButton } from '../../domain/slack.ts';
import type { DecisionService } from '../decisions.ts';
import { Problem } from '../problem.ts';
import type { Accounts, SlackUser } from './account.ts';
import { privately, refusal, type Wish } from './answers.ts';
import { blockOf, fillInView, readAnswers } from './fill-in.ts';
import { cancelView, denyView, forms, releaseView, thenBlock } from './forms.ts';
import {
  clickSchema,
  readGateButton,
  readGateForm,
  readIncidentButton,
  readIncidentForm,
  submissionSchema,
  type Click,
  type Submission,
} from './payloads.ts';
import { reasonBlock } from './view.ts';

export interface ListenerDependencies {
  accounts: Accounts;
  decisions: DecisionService;
  accessLog: AccessLog;
  client: WebClient;
  logger: FastifyBaseLogger;
}

/** Slack waits 3 s for the answer to a form; what takes longer is told in the channel. */
const formAnswerMs = 2_000;

/** Each listener acknowledges, reads what it is given, and leaves the judgement to the decision service. */
export function addListeners(app: App, deps: ListenerDependencies): void {
  const { decisions, client, logger } = deps;

  app.action(slackActions.approve, async ({ ack, body, respond }) => {
    await ack();
    await clicked('approval', body, respond, readGateButton, async (click, bound, person) => {
      await decisions.decide({
        ...asShown(bound),
        verdict: 'approve',
        person: person.id,
        via: 'slack',
        account: accountOf(click),
      });
      return 'Your approval is recorded.';
    });
  });

  app.action(slackActions.deny, async ({ ack, body, respond }) => {
    await ack();
    await clicked('denial', body, respond, readGateButton, async (click, bound) => {
      const view = denyView({ ...bound, channel: click.channel.id });
      await client.views.open({ trigger_id: click.trigger_id, view });
      return undefined;
    });
  });

  app.action(slackActions.release, async ({ ack, body, respond }) => {
    await ack();
    await clicked('release request', body, respond, readIncidentButton, async (click, bound) => {
      const view = releaseView({ ...bound, channel: click.channel.id });
      await client.views.open({ trigger_id: click.trigger_id, view });
      return undefined;
    });
  });

  app.action(slackActions.fillIn, async ({ ack, body, respond }) => {
    await ack();
    await clicked('answer', body, respond, readGateButton, async (click, bound) => {
      const gate = await decisions.question(asShown(bound));
      const view = fillInView({ ...bound, channel: click.channel.id }, gate);
      await client.views.open({ trigger_id: click.trigger_id, view });
      return undefined;
    });
  });

  app.action(slackActions.cancel, async ({ ack, body, respond }) => {
    await ack();
    await clicked('cancellation', body, respond, readIncidentButton, async (click, bound) => {
      const view = cancelView({ ...bound, channel: click.channel.id });
      await client.views.open({ trigger_id: click.trigger_id, view });
      return undefined;
    });
  });

  app.view(forms.deny, async ({ ack, body }: SlackViewMiddlewareArgs<ViewSubmitAction>) => {
    const form = must(submissionSchema.safeParse(body).data);
    const bound = must(readGateForm(form.view.private_metadata));
    await submitted('denial', form, bound, ack, reasonBlock, (person) =>
      decisions.decide({
        ...asShown(bound),
        verdict: 'deny',
        person: person.id,
        reason: reasonIn(form),
        via: 'slack',
        account: accountOf(form),
      }),
    );
  });

  app.view(forms.release, async ({ ack, body }: SlackViewMiddlewareArgs<ViewSubmitAction>) => {
    const form = must(submissionSchema.safeParse(body).data);
    const bound = must(readIncidentForm(form.view.private_metadata));
    await submitted('release request', form, bound, ack, reasonBlock, (person) =>
      decisions.command({
        incident: bound.i,
        command: 'release',
        person: person.id,
        reason: reasonIn(form),
        via: 'slack',
        // One form is one request, however often Slack delivers it.
        nonce: `slack-${form.view.id}`,
      }),
    );
  });

  app.view(forms.fillIn, async ({ ack, body }: SlackViewMiddlewareArgs<ViewSubmitAction>) => {
    const form = must(submissionSchema.safeParse(body).data);
    const bound = must(readGateForm(form.view.private_metadata));
    const { values } = form.view.state;
    const first = Object.keys(values)[0] ?? blockOf('');
    await submitted('answer', form, bound, ack, first, async (person) => {
      const { form: fields = {} } = await decisions.question(asShown(bound));
      await decisions.decide({
        ...asShown(bound),
        verdict: 'approve',
        answers: readAnswers(fields, values),
        person: person.id,
        via: 'slack',
        account: accountOf(form),
      });
    });
  });

  app.view(forms.cancel, async ({ ack, body }: SlackViewMiddlewareArgs<ViewSubmitAction>) => {
    const form = must(submissionSchema.safeParse(body).data);
    const bound = must(readIncidentForm(form.view.private_metadata));
    const chosen = form.view.state.values[thenBlock]?.['choice']?.selected_option?.value;
    const then = must(cancellations.find((one) => one === chosen));
    await submitted('cancellation', form, bound, ack, reasonBlock, (person) =>
      decisions.command({
        incident: bound.i,
        command: 'cancel',
        then,
        person: person.id,
        reason: reasonIn(form),
        via: 'slack',
        nonce: `slack-${form.view.id}`,
      }),
    );
  });

  /** Identifies the person and does what they clicked; what came of it, or stands against it, is told to them alone. */
  async function clicked<T extends { i: string }>(
    wish: Wish,
    body: unknown,
    respond: RespondFn,
    read: (value: string) => T | undefined,
    act: (click: Click, bound: T, person: Person) => Promise<string | undefined>,
  ): Promise<void> {
    const click = must(clickSchema.safeParse(body).data);
    const bound = read(click.actions[0]?.value ?? '');
    let told: string | undefined;
    try {
      const person = await deps.accounts.identify(whoOf(click));
      told = await act(click, must(bound), person);
    } catch (error) {
      await report(error, click, bound?.i);
      told = refusal(wish, error);
    }
    if (told === undefined) return;
    const words = privately(told);
    await answer(click, () => respond({ response_type: 'ephemeral', replace_original: false, ...words }));
  }

  /** Keeps the form open when it is refused in time, with the reason beside the answer that is wrong, or else in `block`. */
  async function submitted(
    wish: Wish,
    form: Submission,
    { i: incident, channel }: { i: string; channel: string },
    ack: AckFn<ViewResponseAction>,
    block: string,
    act: (person: Person) => Promise<void>,
  ): Promise<void> {
    const done = deps.accounts
      .identify(whoOf(form))
      .then(act)
      .then(
        () => `Your ${wish} is recorded.`,
        async (error: unknown) => {
          await report(error, form, incident);
          return { refused: refusal(wish, error), block: blockAbout(error, form) ?? block };
        },
      );
    const timer = Promise.withResolvers<undefined>();
    const timeout = setTimeout(() => timer.resolve(undefined), formAnswerMs);
    const first = await Promise.race([done, timer.promise]);
    clearTimeout(timeout);
    if (typeof first === 'object') {
      await ack({ response_action: 'errors', errors: { [first.block]: first.refused } });
      return;
    }
    await ack();
    const outcome = first ?? (await done);
    const words = privately(typeof outcome === 'string' ? outcome : outcome.refused);
    await answer(form, () => client.chat.postEphemeral({ channel, user: form.user.id, ...words }));
  }

  /** When a person cannot even be told there is only the log left: the decision stands as it is. */
  async function answer(by: Click | Submission, tell: () => Promise<unknown>): Promise<void> {
    try {
      await tell();
    } catch (error) {
      logger.warn({ err: plainly(error), user: by.user.id }, 'FB1319: cannot answer a person in Slack');
    }
  }

  /** The decision service records what it refuses; what never got there is recorded here. */
  async function report(error: unknown, by: Click | Submission, incident: string | undefined): Promise<void> {
    if (!(error instanceof Problem)) {
      logger.error({ err: plainly(error) }, 'FB1900: a Slack interaction failed');
    } else if (error.code.startsWith('FB13')) {
      const { user, team } = whoOf(by);
      await deps.accessLog.append({
        outcome: 'refused',
        kind: 'slack',
        code: error.code,
        actor: `slack:${team}/${user}`,
        ...(incident === undefined ? {} : { incident }),
        detail: { why: error.detail },
      });
    }
  }
}

/** A question by incident, gate and the digest of what the message showed. */
function asShown({ i, g, d }: GateButton): { incident: string; gate: string; digest: Digest } {
  return { incident: i, gate: g, digest: d };
}

function reasonIn(form: Submission): string {
  return form.view.state.values[reasonBlock]?.['text']?.value ?? '';
}

/** Slack shows an error only beside an input that the window has. */
function blockAbout(error: unknown, form: Submission): string | undefined {
  if (!(error instanceof Problem) || error.answer === undefined) return undefined;
  const block = blockOf(error.answer);
  return Object.hasOwn(form.view.state.values, block) ? block : undefined;
}

/** One of a person's Slack accounts. */
function accountOf(by: Click | Submission): string {
  const { user, team } = whoOf(by);
  return `${team}:${user}`;
}

function whoOf({ user, team }: Click | Submission): SlackUser {
  return { user: user.id, team: user.team_id ?? team?.id ?? '' };
}

/** An error of WebClient carries the answer's headers and body: only its words are logged. */
function plainly(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** @throws Problem FB1313 for what no message of ours can have sent */
function must<T>(value: T | undefined): T {
  if (value === undefined)
    throw new Problem(400, 'FB1313', 'this button or form is not one that Firebreak posts');
  return value;
}
