/** A failure that its message explains completely. It is shown as one line, without a stack trace. */
export class UserError extends Error {}
