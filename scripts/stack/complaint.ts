/** A failure that its message explains completely: it is shown as one line, without a stack trace. */
export class Complaint extends Error {}
