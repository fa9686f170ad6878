import { again, formOf, post, sign } from './delivery.ts';
import { actionOf, messageAction, viewAction, viewClosed, viewSubmission } from './payloads.ts';
import { isObject, textOf } from './types.ts';
import { stateValues } from './views.ts';
import type { Delivery, Interaction, Redelivery } from './delivery.ts';
import type { DirectoryUser } from './directory.ts';
import type { Method, MethodContext } from './methods.ts';
import type { ActionChoice } from './payloads.ts';
import type { ResponseUrls } from './response-urls.ts';
import type { SocketMode } from './socket-mode.ts';
import type { Clock, EphemeralMessage, JsonObject, SlackMessage, SlackView } from './types.ts';

/** An interaction, and what came of telling the app. */
export interface Told {
  interaction: Interaction;
  delivery: Delivery;
}

export interface Click extends ActionChoice {
  /** Id or name. */
  user: string;
  /** Id or name. */
  channel: string;
  ts: string;
  /** What the person's client shows, when it is not the present version: see `versions`. */
  shown?: SlackMessage;
  /** `state.values`: what they have entered elsewhere in the message. */
  state?: JsonObject;
}

export interface ViewClick extends ActionChoice {
  user: string;
  /** The user's top view unless given. */
  viewId?: string;
}

export interface Submission {
  user: string;
  viewId?: string;
  /** By block_id and action_id: typed text, or the fields of the element such as `{ selected_option: … }`. */
  values?: Record<string, Record<string, unknown>>;
}

/** What the person sees after a submission. `errors` are shown beside the inputs, by block_id; the view stays open. */
export interface Submitted extends Told {
  outcome: 'closed' | 'errors' | 'updated' | 'pushed' | 'cleared' | 'failed';
  errors: Record<string, string>;
}

interface PeopleParts extends MethodContext {
  methods: Record<string, Method>;
  responseUrls: ResponseUrls;
  socketMode: SocketMode;
  clock: Clock;
  channelNamed(idOrName: string): { id: string; name: string; external: boolean };
  origin(): string;
}

/** The app's answer to a submission: nothing, or a JSON object. Undefined for what Slack could not read. */
function readAnswer(body: string): JsonObject | undefined {
  if (body.trim() === '') return {};
  try {
    const answer: unknown = JSON.parse(body);
    return isObject(answer) ? answer : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** What people do in Slack, told to the app as Slack tells it. */
export class People {
  readonly #parts: PeopleParts;
  #interactivityUrl: string | undefined;

  constructor(parts: PeopleParts) {
    this.#parts = parts;
  }

  setInteractivityUrl(url: string): void {
    this.#interactivityUrl = url;
  }

  async click(click: Click): Promise<Told> {
    const { messages, workspace, triggers, responseUrls } = this.#parts;
    const channel = this.#parts.channelNamed(click.channel);
    const user = this.#seer(click.user, channel);
    const hidden = messages
      .ephemeral(user.id)
      .find((one) => one.ts === click.ts && one.channel === channel.id);
    const message: SlackMessage | EphemeralMessage | undefined =
      click.shown ?? hidden ?? (await messages.find(channel.id, click.ts));
    if (!message) throw new Error(`${user.name} sees no message ${click.ts} in ${channel.name}`);
    const action = actionOf(message.blocks, click, this.#actionTs());
    const threadTs = textOf(message['thread_ts']);
    const path = responseUrls.issue({
      channel: channel.id,
      userId: user.id,
      messageTs: message.ts,
      ephemeral: hidden !== undefined,
      ...(threadTs === '' ? {} : { threadTs }),
    });
    const payload = messageAction({
      workspace,
      user,
      channel: { id: channel.id, name: channel.name },
      message,
      ephemeral: hidden !== undefined,
      action,
      state: click.state ?? {},
      triggerId: triggers.issue(user.id),
      responseUrl: `${this.#parts.origin()}${path}`,
    });
    return this.#tell(payload);
  }

  async clickView(click: ViewClick): Promise<Told> {
    const { workspace, triggers } = this.#parts;
    const { user, view } = this.#viewOf(click.user, click.viewId);
    const action = actionOf(view.blocks, click, this.#actionTs());
    return this.#tell(
      viewAction({ workspace, user, view, action, triggerId: triggers.issue(user.id, view.id) }),
    );
  }

  async submitView(submission: Submission): Promise<Submitted> {
    const { workspace, triggers } = this.#parts;
    const { user, view } = this.#viewOf(submission.user, submission.viewId);
    const values = stateValues(view, submission.values ?? {});
    const triggerId = triggers.issue(user.id, view.id);
    const told = await this.#tell(viewSubmission({ workspace, user, view, values, triggerId }));
    if (told.delivery.failure) return { ...told, outcome: 'failed', errors: {} };
    return { ...told, ...(await this.#respond(user, view, told.delivery.body)) };
  }

  /** Cancels a view. The app hears of it only when the view asked to be told (`notify_on_close`). */
  async closeView(close: { user: string; viewId?: string; all?: boolean }): Promise<Told | undefined> {
    const { workspace, views } = this.#parts;
    const { user, view } = this.#viewOf(close.user, close.viewId);
    if (close.all) views.clear(user.id);
    else views.close(view.id);
    if (view['notify_on_close'] !== true) return undefined;
    return this.#tell(viewClosed({ workspace, user, view, isCleared: close.all ?? false }));
  }

  /** The same interaction once more. Over Socket Mode there is no signature: only `retry` matters. */
  redeliver(interaction: Interaction, how: Redelivery = {}): Promise<Delivery> {
    if (this.#parts.socketMode.connected)
      return this.#parts.socketMode.deliver(interaction.payload, how.retry);
    return post(this.#url(), again(interaction.request, how, this.#parts.workspace.signingSecret));
  }

  /** Signs and delivers any payload: for what a person could not do by hand. */
  async #tell(payload: JsonObject): Promise<Told> {
    const { workspace, socketMode } = this.#parts;
    const request = sign(formOf(payload), workspace.signingSecret, Math.floor(Date.now() / 1000));
    const delivery = socketMode.connected
      ? await socketMode.deliver(payload)
      : await post(this.#url(), request);
    return { interaction: { payload, request }, delivery };
  }

  /** Does what the app answered to a submission: docs.slack.dev/surfaces/modals, "Updating views". */
  async #respond(
    user: DirectoryUser,
    view: SlackView,
    body: string,
  ): Promise<Pick<Submitted, 'outcome' | 'errors'>> {
    const { views, triggers, methods } = this.#parts;
    const answer = readAnswer(body);
    if (answer === undefined) return { outcome: 'failed', errors: {} };
    const action = answer['response_action'];
    const errors = isObject(answer['errors']) ? answer['errors'] : {};
    if (action === 'errors') {
      const inputs = new Set(
        view.blocks.filter((one) => one['type'] === 'input').map((one) => one['block_id']),
      );
      const stray = Object.keys(errors).find((blockId) => !inputs.has(blockId));
      // Slack cannot show an error beside an input that is not there: the person sees a failure instead.
      if (stray !== undefined || Object.keys(errors).length === 0) return { outcome: 'failed', errors: {} };
      return {
        outcome: 'errors',
        errors: Object.fromEntries(Object.entries(errors).map(([id, why]) => [id, String(why)])),
      };
    }
    if (action === 'clear') {
      views.clear(user.id);
      return { outcome: 'cleared', errors: {} };
    }
    if (action === 'update' || action === 'push') {
      const method = methods[action === 'update' ? 'views.update' : 'views.push'];
      const target =
        action === 'update' ? { view_id: view.id } : { trigger_id: triggers.issue(user.id, view.id) };
      const shown = await method?.({ ...target, view: answer['view'] });
      if (shown?.['ok'] !== true) return { outcome: 'failed', errors: {} };
      return { outcome: action === 'update' ? 'updated' : 'pushed', errors: {} };
    }
    if (action !== undefined) return { outcome: 'failed', errors: {} };
    views.close(view.id);
    return { outcome: 'closed', errors: {} };
  }

  #url(): string {
    if (this.#interactivityUrl === undefined)
      throw new Error('the app has no interactivity URL: setInteractivityUrl first');
    return this.#interactivityUrl;
  }

  #actionTs(): string {
    return (this.#parts.clock.now() / 1000).toFixed(6);
  }

  #viewOf(name: string, viewId: string | undefined): { user: DirectoryUser; view: SlackView } {
    const user = this.#parts.directory.get(name);
    return { user, view: this.#parts.views.top(user.id, viewId) };
  }

  #seer(name: string, channel: { name: string; external: boolean }): DirectoryUser {
    const user = this.#parts.directory.get(name);
    if (user.kind === 'stranger' && !channel.external) {
      throw new Error(
        `${user.name} is a stranger and sees only external channels: give ${channel.name} external: true`,
      );
    }
    return user;
  }
}
