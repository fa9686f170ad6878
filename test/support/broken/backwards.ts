import { PlaybookRun } from '../../../workflows/run.ts';

/** An interpreter that begins what may begin in the wrong order: the last of the text first. */
// oxlint-disable-next-line typescript/unbound-method -- called with its own object below
const untilEnded = PlaybookRun.prototype.untilEnded;
PlaybookRun.prototype.untilEnded = function backwards(isDraining) {
  const { interpreter } = this;
  const advance = interpreter.advance.bind(interpreter);
  interpreter.advance = (now) => {
    const { commands, transitions } = advance(now);
    return { commands: commands.toReversed(), transitions };
  };
  return untilEnded.call(this, isDraining);
};

export { incident } from '../../../workflows/incident.ts';
