/** ApplicationFailure types that activities raise and the interpreter understands. */
export const failureTypes = {
  /** The world is neither as planned nor as applied. */
  drift: 'Drift',
  /** More is needed than was authorised: plan and ask again. */
  beyondAuthority: 'BeyondAuthority',
  /** The target is gone, or is another one. */
  targetGone: 'TargetGone',
  /** A guardrail that is checked at the moment of change. */
  refused: 'Refused',
  /** The warrant does not authorise this. */
  unauthorised: 'Unauthorised',
  /** The kill switch is on. */
  stopped: 'Stopped',
  /** Two histories claim one place in the ledger. */
  ledgerConflict: 'LedgerConflict',
} as const;
