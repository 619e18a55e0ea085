/** A rule of the domain was not met: `message` is for people, `status` for programs. */
export class DomainError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
    this.name = new.target.name;
  }
}

/** There is no such thing, or it is not the asker's to know of: both look the same. */
export class NotFoundError extends DomainError {
  constructor(message = "There is nothing here.") {
    super(404, message);
  }
}

/** The asker is known, but this is not for their role. */
export class ForbiddenError extends DomainError {
  constructor(message = "Your account cannot do this.") {
    super(403, message);
  }
}

/** Nobody is signed in where somebody must be. */
export class SignedOutError extends DomainError {
  constructor() {
    super(401, "Please sign in.");
  }
}

/** The thing has moved on since the asker last saw it. `listingId` leads to its present state. */
export class ConflictError extends DomainError {
  readonly listingId: number | null;
  constructor(message: string, listingId: number | null = null) {
    super(409, message);
    this.listingId = listingId;
  }
}

/** Too often, too soon: it may be tried again after `seconds`. */
export class TooManyError extends DomainError {
  readonly seconds: number;
  constructor(seconds: number) {
    super(429, `Too many tries. Please wait ${inWords(seconds)}, then try again.`);
    this.seconds = seconds;
  }
}

/** More is asked of us at once than we can do in time. */
export class BusyError extends DomainError {
  constructor() {
    super(503, "A great many people are coming in just now. Please try again in a moment.");
  }
}

/** What was typed cannot be accepted: a message for each field by its name. */
export class InvalidError extends DomainError {
  readonly fields: Record<string, string>;
  constructor(fields: Record<string, string>) {
    super(422, "Please check what you entered.");
    this.fields = fields;
  }
}

function inWords(seconds: number): string {
  const minutes = Math.ceil(seconds / 60);
  if (seconds <= 50) return seconds === 1 ? "a second" : `${seconds} seconds`;
  return minutes === 1 ? "a minute" : `${minutes} minutes`;
}
