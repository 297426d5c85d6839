// What the programs of this folder share: where the server is, who calls, and how a failure is told.

import { MedCor } from "./medcor.js";

/** The server of `MEDCOR_URL`, as the owner of `MEDCOR_TOKEN`. */
export function server() {
  const { MEDCOR_URL = "http://127.0.0.1:8002", MEDCOR_TOKEN } = process.env;
  if (!MEDCOR_TOKEN) {
    console.error("set MEDCOR_TOKEN: `medcor token --user you@clinic.example` prints one");
    process.exit(2);
  }
  return new MedCor(MEDCOR_URL, MEDCOR_TOKEN);
}

/** Runs a program; a refusal is printed with its hints and makes the exit code 1. */
export async function run(program) {
  try {
    await program();
  } catch (error) {
    console.error([error.message, error.hints].filter(Boolean).join("\n"));
    process.exitCode = 1;
  }
}
