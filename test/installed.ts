import { accessSync, constants } from "node:fs";
import path from "node:path";

/** The machine's Chromium or Chrome, if it has one. */
export function findChromium(): string | undefined {
  return ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"].map(findProgram).find(Boolean);
}

/** Whether a program is on the PATH. */
export function isInstalled(name: string): boolean {
  return findProgram(name) !== undefined;
}

function findProgram(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
