import type { Request, RequestHandler } from "express";
import { z } from "zod";
import { DomainError, InvalidError, NotFoundError } from "./errors.ts";

/**
 * What comes after the parser of forms: whoever sends something else is told so, and no handler meets a body that is not
 * there.
 */
export const formsOnly: RequestHandler = (req, _res, next) => {
  const sent = req.headers["transfer-encoding"] !== undefined || Number(req.headers["content-length"] ?? 0) > 0;
  if (req.body === undefined && sent) return next(new DomainError(415, "Only forms can be sent here."));
  req.body ??= {};
  next();
};

/**
 * What a form brought, checked.
 * @throws InvalidError with a message for each field that is wrong
 */
export function parseForm<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  const fields: Record<string, string> = {};
  for (const issue of result.error.issues) fields[issue.path.join(".")] ??= issue.message;
  throw new InvalidError(fields);
}

/**
 * A row's number out of the path.
 * @throws NotFoundError for anything that no row could have
 */
export function idOf(req: Request, name = "id"): number {
  const given = req.params[name];
  if (typeof given !== "string" || !/^[1-9]\d{0,14}$/.test(given)) throw new NotFoundError();
  return Number(given);
}

/** One line of text, trimmed, with words for the person who typed too little or too much. */
export function line(label: string, max: number) {
  return z
    .string({ error: `Enter ${label}.` })
    .transform((text) => text.replaceAll("\u0000", "").replace(/\s+/g, " ").trim())
    .pipe(z.string().min(1, `Enter ${label}.`).max(max, `Use ${max} characters at the most.`));
}

/** Several lines of text, trimmed at both ends, line breaks kept. */
export function text(label: string, max: number, min = 1) {
  return z
    .string({ error: `Enter ${label}.` })
    .transform((value) => value.replaceAll("\u0000", "").replaceAll("\r\n", "\n").trim())
    .pipe(z.string().min(min, `Enter ${label}.`).max(max, `Use ${max} characters at the most.`));
}
