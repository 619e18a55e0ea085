import { z } from "zod";
import { line } from "../forms.ts";
import { ownPath } from "../own-path.ts";
import { isCommon } from "./common-passwords.ts";

const email = line("your email address", 254).pipe(
  z.email("Enter an email address in the form of name@example.com.").toLowerCase(),
);
// Any characters at all: rules of composition make passwords worse.
const newPassword = z
  .string({ error: "Enter a password." })
  .min(1, "Enter a password.")
  .min(8, "Use 8 characters at least.")
  .max(200, "Use 200 characters at the most.")
  .refine((password) => !isCommon(password), "Many people use this password, so it is guessed first. Choose another.");
const presentPassword = (missing: string) =>
  z.string({ error: missing }).min(1, missing).max(200, "That password is longer than any can be.");

// In the order of the page, so that the summary of errors is.
export const signUpForm = z.object({
  role: z.enum(["buyer", "seller"], "Choose whether you buy or sell."),
  name: line("your name", 100),
  company: line("your company's name", 120),
  email,
  password: newPassword,
});

export const signInForm = z.object({
  email: line("your email address", 254),
  password: presentPassword("Enter your password."),
  next: z.unknown().optional().transform(ownPath),
});

export const passwordForm = z
  .object({ current: presentPassword("Enter your current password."), password: newPassword })
  .refine(({ current, password }) => current !== password, {
    path: ["password"],
    error: "Choose a password other than the current one.",
  });
